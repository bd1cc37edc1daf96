/** The grammar of `.env`: what its lines mean, what is wrong with them, and how a value is written. */
import { isWithheldName } from "../contract/key-rules.ts";
import { placeOf } from "../lib/files.ts";

/** Blanks within a line; a carriage return before the line's end is one, too. */
const BLANK = String.raw`[^\S\n]`;
const HEAD = new RegExp(
  `${BLANK}*(?:export${BLANK}+)?([A-Za-z_][A-Za-z0-9_]*)${BLANK}*=${BLANK}*`,
  "y",
);
/** A quoted value, which may go over several lines, and perhaps a comment behind it. */
const TAIL = `${BLANK}*(?:#[^\\n]*)?(?=\\n|$)`;
const DOUBLE_QUOTED = new RegExp(`"((?:[^"\\\\]|\\\\.)*)"${TAIL}`, "sy");
const SINGLE_QUOTED = new RegExp(`'([^']*)'${TAIL}`, "y");
const REST_OF_LINE = /[^\n]*/y;
const BLANK_OR_COMMENT = /^\s*(?:#|$)/;
const NOT_TEXT = /[\0\uFFFD]/;

const ESCAPES: Readonly<Record<string, string>> = { n: "\n", r: "\r", t: "\t" };

/** Values of these characters alone need no quotes. */
const PLAIN = /^[A-Za-z0-9_./:@%+,=^-]*$/;
/** More would only repeat that this is not such a file. */
const PROBLEMS_MAX = 5;

/** One line, or the several of a value in quotes. */
interface EnvEntry {
  /** As it is written, without the line's end. */
  raw: string;
  /** Where it begins in the whole text. */
  offset: number;
  /** undefined for a comment, an empty line, and what is not understood. */
  name: string | undefined;
  value: string;
  /** Where the value begins in the whole text. */
  valueOffset: number;
  /** Whether the value begins with a quote that does not end. */
  isUnended: boolean;
}

function matchAt(pattern: RegExp, text: string, offset: number): RegExpExecArray | null {
  pattern.lastIndex = offset;
  return pattern.exec(text);
}

function unescaped(text: string): string {
  return text.replace(/\\(.)/gs, (_, letter: string) => ESCAPES[letter] ?? letter);
}

/** The value at `offset`: its meaning, and where its last line ends. */
function valueAt(text: string, offset: number) {
  const double = matchAt(DOUBLE_QUOTED, text, offset);
  const single = double ?? matchAt(SINGLE_QUOTED, text, offset);
  if (single !== null) {
    const value = double === null ? (single[1] ?? "") : unescaped(double[1] ?? "");
    return { value, end: offset + single[0].length, isUnended: false };
  }
  const rest = matchAt(REST_OF_LINE, text, offset)?.[0] ?? "";
  const value = rest.trimEnd().replace(/\s+#.*$/s, "");
  return { value, end: offset + rest.length, isUnended: /^["']/.test(rest) };
}

function entryAt(text: string, offset: number): EnvEntry {
  const head = matchAt(HEAD, text, offset);
  if (head?.[1] === undefined) {
    const raw = matchAt(REST_OF_LINE, text, offset)?.[0] ?? "";
    const nothing = { name: undefined, value: "", valueOffset: offset, isUnended: false };
    return { raw, offset, ...nothing };
  }
  const valueOffset = offset + head[0].length;
  const { value, end, isUnended } = valueAt(text, valueOffset);
  return { raw: text.slice(offset, end), offset, name: head[1], value, valueOffset, isUnended };
}

/** The text in its parts; their `raw`, joined by line ends, is the text again. */
function entriesOf(text: string): EnvEntry[] {
  const entries: EnvEntry[] = [];
  for (let offset = 0; offset <= text.length; ) {
    const entry = entryAt(text, offset);
    entries.push(entry);
    offset += entry.raw.length + 1;
  }
  return entries;
}

interface EnvAssignment {
  name: string;
  value: string;
  /** The line that it begins on, from 1. */
  line: number;
}

/** The variables of a `.env` text in their order; the last of several assignments wins. */
export function envAssignments(text: string): EnvAssignment[] {
  const found = new Map<string, EnvAssignment>();
  let line = 1;
  for (const { name, value, raw } of entriesOf(text)) {
    if (name !== undefined) found.set(name, { name, value, line });
    line += raw.split("\n").length;
  }
  return [...found.values()];
}

/** Names to values. */
export function parseEnv(text: string): Record<string, string> {
  return Object.fromEntries(envAssignments(text).map(({ name, value }) => [name, value]));
}

/** A line that is no assignment, or one to be unsure of. */
export interface EnvFault {
  line: number;
  /** "line 3, column 5" */
  place: string;
  /** The name that is assigned, when one is. */
  name: string | undefined;
  what: "not_text" | "no_assignment" | "unended_quote" | "withheld";
}

function faultOf(text: string, entry: EnvEntry): EnvFault | undefined {
  const { raw, offset, name, valueOffset, isUnended } = entry;
  const at = (where: number, what: EnvFault["what"]): EnvFault => {
    const line = text.slice(0, offset).split("\n").length;
    return { line, place: placeOf(text, where), name, what };
  };
  const damage = raw.search(NOT_TEXT);
  if (damage >= 0) return at(offset + damage, "not_text");
  if (name === undefined) {
    if (BLANK_OR_COMMENT.test(raw)) return undefined;
    return at(offset + raw.search(/\S/), "no_assignment");
  }
  if (isUnended) return at(valueOffset, "unended_quote");
  return isWithheldName(name) ? at(offset, "withheld") : undefined;
}

/** The first lines to which an objection is made. None shows a value: any line may hold a secret. */
export function envFaults(text: string, most: number): EnvFault[] {
  const faults: EnvFault[] = [];
  for (const entry of entriesOf(text)) {
    if (faults.length >= most) break;
    const fault = faultOf(text, entry);
    if (fault !== undefined) faults.push(fault);
  }
  return faults;
}

function sentence({ what, place, name }: EnvFault, path: string): string {
  switch (what) {
    case "not_text":
      return `Cannot read "${path}": ${place} is not text`;
    case "no_assignment":
      return `Cannot use a line of "${path}": ${place} is no NAME=value; Luna passes it over`;
    case "unended_quote":
      return `Cannot be sure of a value of "${path}": ${place} begins a quote that does not end there`;
    case "withheld":
      return `Cannot use "${name}" of "${path}": ${place} sets a name that changes how programs run; no process gets it, so take the line out`;
  }
}

/** The lines to which an objection is made, a sentence each, at most a few. */
export function envProblems(text: string, path: string): string[] {
  return envFaults(text, PROBLEMS_MAX).map((fault) => sentence(fault, path));
}

/** A value so that Luna reads back exactly what it was, and a shell too where it is one line without tabs. */
function quote(value: string): string {
  if (PLAIN.test(value)) return value;
  const escaped = value
    .replace(/[\\"$`]/g, "\\$&")
    .replaceAll("\n", "\\n")
    .replaceAll("\r", "\\r")
    .replaceAll("\t", "\\t");
  return `"${escaped}"`;
}

/** `text` with `changes` made: a value replaces its line, `null` removes it, a new one goes last. */
export function editEnv(text: string, changes: Record<string, string | null>): string {
  const waiting = new Map(Object.entries(changes));
  const lines: string[] = [];
  const entries = text === "" ? [] : entriesOf(text.replace(/\n$/, ""));
  for (const { name, raw } of entries) {
    if (name === undefined || !Object.hasOwn(changes, name)) {
      lines.push(raw);
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
