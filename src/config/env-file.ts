/** The one reader and writer of `.env`: comments and order are kept, and no shell ever sees it. */
import { KeyName } from "../contract/names.ts";
import { InvalidInputError } from "../lib/errors.ts";
import { readTextIfThere, writeFileAtomic } from "../lib/files.ts";

const ASSIGNMENT = /^\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(.*?)\s*$/;
/** Values of these characters alone need no quotes. */
const PLAIN = /^[A-Za-z0-9_./:@%+,=~^-]*$/;

const ESCAPES: Readonly<Record<string, string>> = { n: "\n", r: "\r", t: "\t" };

function unquote(raw: string): string {
  if (raw.length >= 2 && raw.startsWith('"') && raw.endsWith('"')) {
    return raw.slice(1, -1).replace(/\\(.)/g, (_, letter: string) => ESCAPES[letter] ?? letter);
  }
  if (raw.length >= 2 && raw.startsWith("'") && raw.endsWith("'")) return raw.slice(1, -1);
  return raw.replace(/\s+#.*$/, "");
}

function quote(value: string): string {
  if (PLAIN.test(value)) return value;
  const escaped = value
    .replace(/[\\"]/g, "\\$&")
    .replaceAll("\n", "\\n")
    .replaceAll("\r", "\\r")
    .replaceAll("\t", "\\t");
  return `"${escaped}"`;
}

/** The variables of a `.env` text; the last of several assignments wins. */
export function parseEnv(text: string): Record<string, string> {
  const values: Record<string, string> = {};
  for (const line of text.split(/\r?\n/)) {
    const match = ASSIGNMENT.exec(line);
    if (match?.[1] !== undefined && match[2] !== undefined) values[match[1]] = unquote(match[2]);
  }
  return values;
}

/** `text` with `changes` made: a value replaces its line, `null` removes it, a new one goes last. */
export function editEnv(text: string, changes: Record<string, string | null>): string {
  const waiting = new Map(Object.entries(changes));
  const lines: string[] = [];
  for (const line of text === "" ? [] : text.replace(/\n$/, "").split("\n")) {
    const name = ASSIGNMENT.exec(line)?.[1];
    if (name === undefined || !(name in changes)) {
      lines.push(line);
      continue;
    }
    const value = waiting.get(name);
    waiting.delete(name);
    // A second assignment of the same name would win over the one just written.
    if (typeof value === "string") lines.push(`${name}=${quote(value)}`);
  }
  for (const [name, value] of waiting) {
    if (value !== null) lines.push(`${name}=${quote(value)}`);
  }
  return lines.length === 0 ? "" : `${lines.join("\n")}\n`;
}

export class EnvFile {
  readonly path: string;

  constructor(path: string) {
    this.path = path;
  }

  async read(): Promise<Record<string, string>> {
    return parseEnv((await readTextIfThere(this.path)) ?? "");
  }

  /** Sets (or with `null` removes) variables; the file is 0600 whatever it was before. */
  async set(changes: Record<string, string | null>): Promise<void> {
    for (const name of Object.keys(changes)) {
      if (!KeyName.safeParse(name).success) {
        throw new InvalidInputError(
          `Cannot set "${name}": a key's name is A-Z, 0-9 and _, not beginning with a digit`,
        );
      }
    }
    const text = (await readTextIfThere(this.path)) ?? "";
    await writeFileAtomic(this.path, editEnv(text, changes));
  }
}
