/** Building blocks of a Caddyfile's text: lines, indented blocks, quoted tokens. */
import { InvalidInputError } from "../lib/errors.ts";

/** `head { lines }`, in the layout of `caddy fmt`. */
export function block(head: string, lines: readonly string[]): string[] {
  return [
    head === "" ? "{" : `${head} {`,
    ...lines.map((line) => (line === "" ? "" : `\t${line}`)),
    "}",
  ];
}

/** Characters with a meaning of their own in a quoted token or a placeholder, and control characters. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const UNSAFE = /["`\\{}\u0000-\u001f\u007f]/;

/** A path as one token, whatever spaces it has. */
export function pathToken(path: string): string {
  if (UNSAFE.test(path)) {
    throw new InvalidInputError(
      `Cannot write a Caddyfile for "${path}": the path of Luna's home has a quote, a brace, ` +
        `a backslash or a control character, move it to a path without`,
    );
  }
  return `"${path}"`;
}

/** The lines that answer with JSON. `body` is one of Luna's own constants, so it holds no backtick. */
export function jsonAnswer(body: string, status: number | string): string[] {
  return [
    "header Content-Type application/json",
    "header Cache-Control no-store",
    `respond \`${body}\` ${status}`,
  ];
}
