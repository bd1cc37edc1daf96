/** Reads one line of a log: Luna's own JSON, Caddy's, that of other loggers, and plain text. */
import { z } from "zod";
import type { LogLevel } from "../contract/logs.ts";

export interface ParsedLine {
  /** Milliseconds since the epoch; undefined when the line does not tell. */
  time: number | undefined;
  level: LogLevel;
  message: string;
  fields: Record<string, unknown> | undefined;
}

/** What loggers call time, level and message: Luna, Caddy (zap), pino and bunyan, Python's structlog. */
const Structured = z.looseObject({
  time: z.union([z.string(), z.number()]).optional(),
  ts: z.union([z.string(), z.number()]).optional(),
  timestamp: z.union([z.string(), z.number()]).optional(),
  level: z.union([z.string(), z.number()]).optional(),
  message: z.string().optional(),
  msg: z.string().optional(),
  event: z.string().optional(),
});

const LEVELS: Readonly<Record<string, LogLevel>> = {
  trace: "debug",
  debug: "debug",
  info: "info",
  notice: "info",
  warn: "warn",
  warning: "warn",
  error: "error",
  err: "error",
  critical: "error",
  dpanic: "error",
  panic: "error",
  fatal: "error",
  alert: "error",
  emerg: "error",
};
/** Pino's and bunyan's numbers: 20 debug, 30 info, 40 warn, 50 error. */
const LEVEL_NUMBERS: readonly (readonly [number, LogLevel])[] = [
  [50, "error"],
  [40, "warn"],
  [30, "info"],
];
/** As seconds it would be the year 5138, as milliseconds 1973. */
const MILLISECONDS_MIN = 100_000_000_000;
/** The largest time that a Date can hold. */
const TIME_MAX = 8_640_000_000_000_000;

function levelOf(level: string | number | undefined): LogLevel {
  if (typeof level === "string") return LEVELS[level.toLowerCase()] ?? "info";
  if (level === undefined) return "info";
  return LEVEL_NUMBERS.find(([least]) => level >= least)?.[1] ?? "debug";
}

function timeOf(time: string | number | undefined): number | undefined {
  if (time === undefined) return undefined;
  const number = typeof time === "string" ? Date.parse(time) : time;
  const ms =
    typeof time === "number" && number < MILLISECONDS_MIN ? Math.round(number * 1000) : number;
  return Math.abs(ms) <= TIME_MAX ? ms : undefined;
}

function parseStructured(text: string, source: string): ParsedLine | undefined {
  if (!text.startsWith("{")) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // Cut off, or not JSON after all: it is shown as it is.
    return undefined;
  }
  const parsed = Structured.safeParse(value).data;
  const message = parsed?.message ?? parsed?.msg ?? parsed?.event;
  if (parsed === undefined || message === undefined) return undefined;
  const { time, ts, timestamp, level, message: _1, msg: _2, event: _3, ...rest } = parsed;
  if (rest["service"] === source) delete rest["service"];
  return {
    time: timeOf(time ?? ts ?? timestamp),
    level: levelOf(level),
    message,
    fields: Object.keys(rest).length > 0 ? rest : undefined,
  };
}

/** A time in front is believed when it says its zone, too. */
const LEADING_TIME =
  /^\[?(\d{4}[-/]\d\d[-/]\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d{1,9})?)(Z| ?[+-]\d\d:?\d\d)?\]?[\s:|-]*/;
/** Words at the beginning only: "0 errors" in the middle of a sentence is no error. */
const LEADING_LEVEL =
  /^[[(<*]{0,3}(trace|debug|info|notice|warn|warning|error|critical|panic|fatal)\b[\])>:*]?/i;
/** How uncaught errors of JavaScript, Python, Java and Go begin. */
const UNCAUGHT =
  /^(?:Traceback \(most recent call last\)|(?:[\w$]+\.)*[\w$]*(?:Error|Exception)\b.{0,40}:|Exception in thread|goroutine \d+ \[)/;
/** Escape sequences of terminals. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what it is about
const ESCAPES = /\u001b(?:\[[0-9;?]*[ -/]*[@-~]|\][^\u0007\u001b]*(?:\u0007|\u001b\\)?|.)/g;

/** The text without what would move a terminal's cursor, change its colours or its title. */
export function withoutEscapes(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what it is about
  return text.replace(ESCAPES, "").replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, "");
}

function parsePlain(text: string): ParsedLine {
  const bare = withoutEscapes(text).trimStart();
  const [front = "", stamp, zone] = LEADING_TIME.exec(bare) ?? [];
  const said = bare.slice(front.length);
  const word = LEADING_LEVEL.exec(said)?.[1]?.toLowerCase();
  const level = word === undefined ? (UNCAUGHT.test(said) ? "error" : "info") : LEVELS[word];
  const time =
    stamp === undefined || zone === undefined
      ? undefined
      : timeOf(stamp.replaceAll("/", "-").replace(",", ".").replace(" ", "T") + zone.trim());
  return { time, level: level ?? "info", message: text, fields: undefined };
}

/**
 * Reads a line. Pure.
 * @param source the log's name; Luna's own lines repeat it, which is left out
 */
export function parseLine(text: string, source: string): ParsedLine {
  return parseStructured(text, source) ?? parsePlain(text);
}

const SEVERITY: Readonly<Record<LogLevel, number>> = { debug: 0, info: 1, warn: 2, error: 3 };

export function isAtLeast(level: LogLevel, least: LogLevel): boolean {
  return SEVERITY[level] >= SEVERITY[least];
}
