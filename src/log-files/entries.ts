/** The lines of one log with their times: a line that tells none has that of the line before it. */
import type { LogLine } from "../contract/logs.ts";
import { redact } from "../lib/log.ts";
import { type Line, linesBackward, linesForward } from "./lines.ts";
import type { LogFile } from "./log-file.ts";
import { type ParsedLine, parseLine } from "./parse-line.ts";

/** So far back a time is looked for; without one, that of the file's last change has to do. */
const LOOKBACK_LINES = 200;

export interface Entry {
  start: number;
  end: number;
  /** Milliseconds since the epoch. */
  time: number;
  /** As it was written, but for its secrets. */
  text: string;
  line: LogLine;
}

/** A line that is parsed and waits for its time. */
interface Waiting {
  raw: Line;
  text: string;
  parsed: ParsedLine;
}

function read(raw: Line, source: string, secrets: readonly string[]): Waiting | undefined {
  if (raw.text.trim() === "") return undefined;
  const text = redact(raw.text, secrets);
  return { raw, text, parsed: parseLine(text, source) };
}

function entryOf({ raw, text, parsed }: Waiting, time: number, source: string): Entry {
  const { level, message, fields } = parsed;
  const line: LogLine = { time: new Date(time).toISOString(), level, source, message };
  if (fields !== undefined) line.fields = fields;
  return { start: raw.start, end: raw.end, time, text, line };
}

export interface EntriesOptions {
  /** Where to begin: an offset in the log. */
  from: number;
  /** Values that are shown nowhere; what has the shape of a key is left out anyway. */
  secrets: readonly string[];
}

/** The entries before `from`, the last one first. */
export function* entriesBackward(
  file: LogFile,
  { from, secrets }: EntriesOptions,
): Generator<Entry> {
  let waiting: Waiting[] = [];
  for (const raw of linesBackward(file, from)) {
    const one = read(raw, file.name, secrets);
    if (one === undefined) continue;
    waiting.push(one);
    const time = one.parsed.time;
    if (time === undefined && waiting.length < LOOKBACK_LINES) continue;
    for (const each of waiting) yield entryOf(each, time ?? each.raw.modified, file.name);
    waiting = [];
  }
  for (const each of waiting) yield entryOf(each, each.raw.modified, file.name);
}

/** The last time that was told before the offset. */
function timeBefore(file: LogFile, offset: number): number | undefined {
  let looked = 0;
  for (const { text } of linesBackward(file, offset)) {
    const { time } = parseLine(text, file.name);
    looked += 1;
    if (time !== undefined || looked >= LOOKBACK_LINES) return time;
  }
  return undefined;
}

/** The entries from `from` on, as far as they are written. */
export function* entriesForward(
  file: LogFile,
  { from, secrets }: EntriesOptions,
): Generator<Entry> {
  let last: number | undefined;
  let isFirst = true;
  for (const raw of linesForward(file, from)) {
    const one = read(raw, file.name, secrets);
    if (one === undefined) continue;
    if (isFirst && one.parsed.time === undefined) last = timeBefore(file, raw.start);
    isFirst = false;
    last = one.parsed.time ?? last;
    yield entryOf(one, last ?? raw.modified, file.name);
  }
}
