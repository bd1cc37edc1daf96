/** One moment of a log as one row of bytes, whatever files they are in, while it is written to and rotated. */
import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { UnavailableError } from "../lib/errors.ts";
import { type Journal, parseJournal, readJournalText } from "./journal.ts";
import { type LogPlace, type RotatedFile, rotatedFiles } from "./place.ts";

/** A rotation takes few steps; a reader that meets more of them in a row meets a fault. */
const ATTEMPTS = 50;

/** A part of a log that lies in one file. */
export interface Segment {
  start: number;
  end: number;
  /** undefined for the current file, whose descriptor the view has. */
  path: string | undefined;
  /** Milliseconds since the epoch at which it was last written to. */
  modified: number;
}

export interface View {
  ino: number | undefined;
  fd: number | undefined;
  /** The offset of the current file's first byte. */
  base: number;
  /** The offset of the first byte that is in no rotated file. */
  head: number;
  end: number;
  /** In order and not overlapping; there are gaps where files were removed. */
  segments: readonly Segment[];
}

/** Reads all of `length` at `position`, or as much as there is. */
export function readFully(fd: number, position: number, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  let done = 0;
  while (done < length) {
    const count = readSync(fd, bytes, done, length - done, position + done);
    if (count === 0) break;
    done += count;
  }
  return bytes.subarray(0, done);
}

/** Whether the file still begins with the bytes that are about to be given back. */
export function beginsWith(fd: number, marker: string): boolean {
  return readFully(fd, 0, Buffer.byteLength(marker)).toString("latin1") === marker;
}

/** What a rotation leaves at the beginning: a blanked end of a line, a hole, or a marker that nothing could remove. */
const LEFT = /^(?: *\n| +$|\0|rotated )/;
const LEFT_LOOK_BYTES = 64;

/** Whether the first `length` bytes are what a rotation left, and not the lines of a file that was emptied since. */
function isAsLeft(fd: number, length: number): boolean {
  const look = Math.min(length, LEFT_LOOK_BYTES);
  return length === 0 || LEFT.test(readFully(fd, 0, look).toString("latin1"));
}

/** Where the current file's bytes belong. */
function bearings(
  file: { fd: number; ino: number; size: number } | undefined,
  journal: Journal | undefined,
  rotated: readonly RotatedFile[],
): { base: number; head: number } {
  if (journal === undefined || file === undefined || file.ino !== journal.ino) {
    // A new file: it follows all that there was.
    const head = Math.max(journal?.head ?? 0, ...rotated.map(({ end }) => end));
    return { base: head, head };
  }
  const { head, drop } = journal;
  const isDropped = drop?.state === "marked" && !beginsWith(file.fd, drop.marker);
  const base = journal.base + (isDropped ? drop.bytes : 0);
  const isEmptied =
    file.size < head - base || (drop === undefined && !isAsLeft(file.fd, head - base));
  // By hand: what is there now follows what was rotated.
  return isEmptied ? { base: head, head } : { base, head };
}

function viewOf(fd: number | undefined, place: LogPlace, journal: Journal | undefined): View {
  const stats = fd === undefined ? undefined : fstatSync(fd);
  // Listed after the journal was read: a file that it counts on is there.
  const rotated = rotatedFiles(place);
  const file =
    fd === undefined || stats === undefined ? undefined : { fd, ino: stats.ino, size: stats.size };
  const { base, head } = bearings(file, journal, rotated);
  const end = base + (stats?.size ?? 0);
  const segments: Segment[] = rotated.flatMap(({ path, start, modified, ...one }, index) => {
    // What begins later is the copy of a rotation that did not get further.
    const limit = Math.min(one.end, head, rotated[index + 1]?.start ?? head);
    return limit > start ? [{ path, start, end: limit, modified }] : [];
  });
  if (end > head) {
    segments.push({ path: undefined, start: head, end, modified: stats?.mtimeMs ?? 0 });
  }
  return { ino: stats?.ino, fd, base, head, end, segments };
}

function openIfThere(path: string): number | undefined {
  try {
    return openSync(path, "r");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
}

function isGone(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ENOENT";
}

/**
 * Calls `work` with a view, and again until nothing was rotated while it looked.
 * Readers need no lock, so one that hangs holds up nobody.
 */
export function withView<T>(place: LogPlace, work: (view: View) => T): T {
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const text = readJournalText(place);
    const journal = parseJournal(text);
    const fd = openIfThere(place.current);
    try {
      const view = viewOf(fd, place, journal);
      const result = work(view);
      const drop = journal?.drop;
      const isMoving = fd !== undefined && drop?.state === "marked";
      const wasThere = isMoving && view.base === journal?.base;
      if (isMoving && wasThere !== beginsWith(fd, drop.marker)) continue;
      if (readJournalText(place) === text) return result;
    } catch (error) {
      // The oldest file is removed now and then.
      if (!isGone(error)) throw error;
    } finally {
      if (fd !== undefined) closeSync(fd);
    }
  }
  throw new UnavailableError(`Cannot read the log "${place.name}": it moves all the time`);
}
