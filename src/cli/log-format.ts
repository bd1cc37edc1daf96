/** How `luna logs` shows a line to a person. */
import type { LogLevel, LogLine } from "../contract/logs.ts";
import { withoutEscapes } from "../log-files/parse-line.ts";

const NAME_WIDTH_MAX = 24;
const LEVEL_WIDTH = 5;
const CONTINUATION = "\n    ";

const RESET = "\u001b[0m";
export const DIM = "\u001b[2m";
/** Cyan, green, blue, magenta and their bright ones: red and yellow are for levels. */
const NAME_COLORS = [36, 32, 34, 35, 96, 92, 94, 95];
const LEVEL_COLORS: Readonly<Record<LogLevel, string>> = {
  debug: DIM,
  info: "",
  warn: "\u001b[33m",
  error: "\u001b[31m",
};

/** The same name has the same colour in every run. */
function colorOf(name: string): string {
  let sum = 0;
  for (const character of name) sum = (sum * 31 + (character.codePointAt(0) ?? 0)) % 65_521;
  return `\u001b[${NAME_COLORS[sum % NAME_COLORS.length]}m`;
}

/** Local time, as on the clock beside the terminal: `2031-01-31 12:00:00.000`. */
export function localTime(time: string): string {
  const date = new Date(time);
  const shifted = new Date(date.getTime() - date.getTimezoneOffset() * 60_000);
  return shifted.toISOString().replace("T", " ").replace("Z", "");
}

export function fieldText([key, value]: [string, unknown]): string {
  const isPlain = typeof value === "string" && /^[^\s"=]+$/.test(value);
  return `${key}=${isPlain ? value : JSON.stringify(value)}`;
}

/** Returns the function that colours a text, where colours are wanted. */
export function painter(color: boolean): (text: string, paint: string) => string {
  return (text, paint) => (color && paint !== "" ? `${paint}${text}${RESET}` : text);
}

/** Returns the function that makes a line of text, with its newline, of a line of a log. */
export function lineFormatter(options: {
  names: readonly string[];
  color: boolean;
}): (line: LogLine) => string {
  const longest = Math.max(0, ...options.names.map((name) => name.length));
  const width = Math.min(NAME_WIDTH_MAX, longest);
  const paint = painter(options.color);
  return ({ time, level, source, message, fields }) => {
    const said = withoutEscapes(message).trimEnd().replaceAll("\n", CONTINUATION);
    const facts = Object.entries(fields ?? {}).map((field) => withoutEscapes(fieldText(field)));
    const parts = [
      paint(localTime(time), DIM),
      paint(source.padEnd(width), colorOf(source)),
      paint(level.padEnd(LEVEL_WIDTH), LEVEL_COLORS[level]),
      level === "error" || level === "warn" ? paint(said, LEVEL_COLORS[level]) : said,
      ...(facts.length > 0 ? [paint(facts.join(" "), DIM)] : []),
    ];
    return `${parts.join("  ")}\n`;
  };
}
