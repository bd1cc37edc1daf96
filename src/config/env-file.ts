/** The one reader and writer of `.env`: comments and order are kept, and no shell ever sees it. */
import { KeyName } from "../contract/names.ts";
import { InvalidInputError } from "../lib/errors.ts";
import {
  decodeText,
  placeOf,
  readBytesIfThere,
  readTextIfThere,
  writeFileAtomic,
} from "../lib/files.ts";

const ASSIGNMENT = /^\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(.*?)\s*$/;
/** More would only repeat that this is not such a file. */
const PROBLEMS_MAX = 5;
/** Values of these characters alone need no quotes. */
const PLAIN = /^[A-Za-z0-9_./:@%+,=~^-]*$/;

/** A quoted value, and perhaps a comment behind it. */
const DOUBLE_QUOTED = /^"((?:[^"\\]|\\.)*)"\s*(?:#.*)?$/;
const SINGLE_QUOTED = /^'([^']*)'\s*(?:#.*)?$/;
const BLANK_OR_COMMENT = /^\s*(?:#|$)/;

const ESCAPES: Readonly<Record<string, string>> = { n: "\n", r: "\r", t: "\t" };

function unquote(raw: string): string {
  const double = DOUBLE_QUOTED.exec(raw)?.[1];
  if (double !== undefined) {
    return double.replace(/\\(.)/g, (_, letter: string) => ESCAPES[letter] ?? letter);
  }
  return SINGLE_QUOTED.exec(raw)?.[1] ?? raw.replace(/\s+#.*$/, "");
}

/** What is wrong with the value as it is written. */
function valueFault(raw: string): string | undefined {
  const quote = raw.startsWith('"') || raw.startsWith("'");
  if (!quote || DOUBLE_QUOTED.test(raw) || SINGLE_QUOTED.test(raw)) return undefined;
  return "begins a quote that does not end there";
}

/** The lines that are not understood, a sentence each. A line may hold a secret, so none is shown. */
export function envProblems(text: string, path: string): string[] {
  const problems: string[] = [];
  let offset = 0;
  for (const line of text.split("\n")) {
    const [raw] = line.split("\r");
    const match = ASSIGNMENT.exec(raw ?? "");
    const value = match?.[2] ?? "";
    const at = match === null ? line.search(/\S/) : (raw ?? "").indexOf("=") + 1;
    const place = `"${path}": ${placeOf(text, offset + Math.max(at, 0))}`;
    const damage = line.search(/[\0\uFFFD]/);
    if (damage >= 0) {
      problems.push(`Cannot read "${path}": ${placeOf(text, offset + damage)} is not text`);
    } else if (match === null && !BLANK_OR_COMMENT.test(line)) {
      problems.push(`Cannot use a line of ${place} is no NAME=value; Luna passes it over`);
    } else if (valueFault(value) !== undefined) {
      problems.push(`Cannot be sure of a value of ${place} ${valueFault(value)}`);
    }
    offset += line.length + 1;
  }
  return problems.slice(0, PROBLEMS_MAX);
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
  #turn: Promise<unknown> = Promise.resolve();

  constructor(path: string) {
    this.path = path;
  }

  async read(): Promise<Record<string, string>> {
    return parseEnv((await readTextIfThere(this.path)) ?? "");
  }

  /** The lines that are not understood, a sentence each. */
  async problems(): Promise<string[]> {
    return envProblems((await readTextIfThere(this.path)) ?? "", this.path);
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
    const change = async (): Promise<void> => {
      // What is not text would be lost by writing it again.
      const text = decodeText(this.path, (await readBytesIfThere(this.path)) ?? new Uint8Array());
      await writeFileAtomic(this.path, editEnv(text, changes));
    };
    const result = this.#turn.then(change);
    this.#turn = result.catch(() => undefined);
    await result;
  }
}
