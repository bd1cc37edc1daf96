/** Lines of logs as the control API, the live socket and `luna logs --json` give them. */
import { z } from "zod";

/** From the least to the most severe. */
export const LogLevel = z.enum(["debug", "info", "warn", "error"]);
export type LogLevel = z.infer<typeof LogLevel>;

/** A log is a file `logs/<name>.log`; the name is that of the process. */
export const LogName = z
  .string()
  .regex(/^[A-Za-z0-9_-]{1,160}$/, "must be 1 to 160 of A-Z, a-z, 0-9, _ and -");

/** Every name at once is still a short list. */
const NAMES_MAX = 200;
const CURSOR_LENGTH_MAX = 32_768;
const SINCE_LENGTH_MAX = 40;
const GREP_LENGTH_MAX = 500;
const LOG_PAGE_LINES_MAX = 5_000;
const LOG_PAGE_LINES = 200;

export const LogLine = z.object({
  /** When it was written; for a line without a time, that of the last line before it that has one. */
  time: z.iso.datetime(),
  level: LogLevel,
  /** The name of the log. */
  source: z.string(),
  message: z.string(),
  /** What else a structured line says. */
  fields: z.record(z.string(), z.unknown()).optional(),
});
export type LogLine = z.infer<typeof LogLine>;

/** Opaque: where a page of lines begins and ends in every log. It stays good when logs are rotated. */
const LogCursor = z.string().max(CURSOR_LENGTH_MAX);

const names = (text: string): string[] => text.split(",").filter((name) => name !== "");

/** `GET /logs`. Without `after` and `before`: the last lines there are. */
export const LogQuery = z.strictObject({
  /** Separated by commas; all logs without it. */
  names: z.string().transform(names).pipe(z.array(LogName).max(NAMES_MAX)).optional(),
  /** ISO 8601, or how long ago: `30s`, `15m`, `1h`, `2d`. */
  since: z.string().max(SINCE_LENGTH_MAX).optional(),
  /** The least severe level that is wanted. */
  level: LogLevel.optional(),
  /** A JavaScript regular expression. */
  grep: z.string().min(1).max(GREP_LENGTH_MAX).optional(),
  /** The cursor of a page: what came after its end. */
  after: LogCursor.optional(),
  /** The cursor of a page: what came before its beginning. */
  before: LogCursor.optional(),
  limit: z.coerce.number().int().min(1).max(LOG_PAGE_LINES_MAX).default(LOG_PAGE_LINES),
});
export type LogQuery = z.infer<typeof LogQuery>;

/** The answer to `GET /logs`: lines in the order of time. */
export const LogPage = z.object({
  lines: z.array(LogLine),
  cursor: LogCursor,
  /** Whether there may be more in the direction that was asked for. */
  more: z.boolean(),
});
export type LogPage = z.infer<typeof LogPage>;

/** What a client of the live socket sends to get lines as they are written, or to get them no more. */
export const LiveRequest = z.union([
  z.strictObject({
    subscribe: z.literal("logs"),
    names: z.array(LogName).max(NAMES_MAX).optional(),
    level: LogLevel.optional(),
    /** Without it: from now on. */
    after: LogCursor.optional(),
  }),
  z.strictObject({ unsubscribe: z.literal("logs") }),
]);
export type LiveRequest = z.infer<typeof LiveRequest>;

/** What the live socket sends then. */
export const LogBatch = z.object({
  topic: z.literal("logs"),
  lines: z.array(LogLine),
  cursor: LogCursor,
  /** At least so many lines before these were left out, as they came faster than they can be sent. */
  gap: z.int().nonnegative(),
});
export type LogBatch = z.infer<typeof LogBatch>;
