/** The lines of a log, from an offset on or back from it. */
import type { LogFile } from "./log-file.ts";

const NEWLINE = 0x0a;
const CHUNK_BYTES = 64 * 1024;
/** A longer line comes in pieces. */
const LINE_BYTES_MAX = 64 * 1024;

export interface Line {
  start: number;
  /** Behind its newline: where the next line begins. */
  end: number;
  text: string;
  /** When its file was last written to, in milliseconds since the epoch. */
  modified: number;
}

/** Where the last whole line ends: what follows is still being written. */
export function endOfLines(file: LogFile): number {
  const { end } = file.bounds();
  let low = end;
  for (;;) {
    const chunk = file.readBefore(low, CHUNK_BYTES);
    if (chunk === undefined || end - low >= LINE_BYTES_MAX) return low;
    const newline = chunk.bytes.lastIndexOf(NEWLINE);
    if (newline >= 0) return chunk.start + newline + 1;
    low = chunk.start;
  }
}

/** The lines before the offset, the last one first. */
export function* linesBackward(file: LogFile, before: number): Generator<Line> {
  let tail = Buffer.alloc(0);
  let low = before;
  let modified = 0;
  for (;;) {
    const chunk = file.readBefore(low, CHUNK_BYTES);
    if (chunk === undefined) {
      if (tail.length > 0) yield lineOf(tail, low, modified);
      return;
    }
    modified = chunk.modified;
    // A gap, where a file was removed: the line goes no further back.
    if (chunk.start + chunk.bytes.length < low && tail.length > 0) {
      yield lineOf(tail, low, chunk.modified);
      tail = Buffer.alloc(0);
    }
    low = chunk.start;
    const bytes = Buffer.concat([chunk.bytes, tail]);
    let stop = bytes.length;
    for (;;) {
      const newline = stop < 2 ? -1 : bytes.lastIndexOf(NEWLINE, stop - 2);
      if (newline < 0) break;
      yield lineOf(bytes.subarray(newline + 1, stop), low + newline + 1, chunk.modified);
      stop = newline + 1;
    }
    tail = bytes.subarray(0, stop);
    if (tail.length >= LINE_BYTES_MAX) {
      yield lineOf(tail, low, chunk.modified);
      tail = Buffer.alloc(0);
    }
  }
}

/** The whole lines from the offset on, as far as they are written. */
export function* linesForward(file: LogFile, from: number): Generator<Line> {
  let rest = Buffer.alloc(0);
  let next = from;
  for (;;) {
    const chunk = file.readAfter(next, CHUNK_BYTES);
    if (chunk === undefined) return;
    if (chunk.start !== next && rest.length > 0) {
      yield lineOf(rest, next - rest.length, chunk.modified);
      rest = Buffer.alloc(0);
    }
    const low = chunk.start - rest.length;
    const bytes = Buffer.concat([rest, chunk.bytes]);
    let start = 0;
    for (;;) {
      const newline = bytes.indexOf(NEWLINE, start);
      if (newline < 0) break;
      yield lineOf(bytes.subarray(start, newline + 1), low + start, chunk.modified);
      start = newline + 1;
    }
    rest = bytes.subarray(start);
    next = chunk.start + chunk.bytes.length;
    if (rest.length >= LINE_BYTES_MAX) {
      yield lineOf(rest, next - rest.length, chunk.modified);
      rest = Buffer.alloc(0);
    }
  }
}

/** The end of the first line that ends at `at` or later, and how many lines there are from `from` to there. */
export async function lineStartAfter(
  file: LogFile,
  { from, at }: { from: number; at: number },
): Promise<{ offset: number; lines: number }> {
  let offset = from;
  let lines = 0;
  for (;;) {
    const chunk = file.readAfter(offset, CHUNK_BYTES);
    if (chunk === undefined) return { offset, lines };
    for (let newline = chunk.bytes.indexOf(NEWLINE); newline >= 0; ) {
      lines += 1;
      const end = chunk.start + newline + 1;
      if (end >= at) return { offset: end, lines };
      newline = chunk.bytes.indexOf(NEWLINE, newline + 1);
    }
    offset = chunk.start + chunk.bytes.length;
    // Others get their turn.
    await new Promise((resolve) => setImmediate(resolve));
  }
}

function lineOf(bytes: Buffer, start: number, modified: number): Line {
  const length = bytes.at(-1) === NEWLINE ? bytes.length - 1 : bytes.length;
  const text = bytes.toString("utf8", 0, length);
  return { start, end: start + bytes.length, text, modified };
}
