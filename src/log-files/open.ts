/** Opens a log for a process that is about to start. */
import {
  closeSync,
  fstatSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  writeSync,
} from "node:fs";
import { dirname } from "node:path";
import { PRIVATE_MODE, temporaryName } from "../lib/files.ts";
import { takeLock } from "../lib/lock.ts";
import { parseJournal, readJournalText } from "./journal.ts";
import { type LogPlace, placeOfPath, rotatedPath } from "./place.ts";
import { readFully, withView } from "./view.ts";

const NEWLINE = "\n";
const COPY_BYTES = 1024 * 1024;
/** A smaller beginning is the blanked end of one line. */
const HOLE_BYTES_MIN = 8 * 1024;

/** A disk that is full or failing. */
const DISK_ERRORS = new Set(["ENOSPC", "EDQUOT", "EROFS", "EIO"]);

/** The descriptor that the process appends to: of its log, or of nothing where the disk refuses even that. */
export function openLog(path: string): number {
  try {
    return openOwnLog(path);
  } catch (error) {
    const isDisk = error instanceof Error && "code" in error && DISK_ERRORS.has(String(error.code));
    if (!isDisk) throw error;
  }
  // What the process says may be lost, but it runs.
  try {
    return openSync(path, "a", PRIVATE_MODE);
  } catch {
    return openSync("/dev/null", "a");
  }
}

/**
 * Opens the log. The first line begins on a line of its own, and where the file system
 * could only leave a hole in the file, the file is a new one: nobody writes to the old one any more.
 */
function openOwnLog(path: string): number {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const place = placeOfPath(path);
  if (place !== undefined) replaceHoled(place);
  const fd = openSync(path, "a+", PRIVATE_MODE);
  try {
    if (endsInLine(fd)) writeSync(fd, NEWLINE);
    return fd;
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

function endsInLine(fd: number): boolean {
  const { size } = fstatSync(fd);
  const last = Buffer.alloc(1);
  return size > 0 && readSync(fd, last, 0, 1, size - 1) === 1 && last.toString() !== NEWLINE;
}

/** Moves what is left into a rotated file, and puts an empty file in place of the one with the hole. */
function replaceHoled(place: LogPlace): void {
  const journal = parseJournal(readJournalText(place));
  if (journal === undefined || journal.drop !== undefined) return;
  if (!journal.is_stuck && journal.head - journal.base < HOLE_BYTES_MIN) return;
  const lock = takeLock(place.lock, String(process.pid));
  if ("holder" in lock) return;
  try {
    const isCopied = withView(place, ({ ino, fd, base, head, end }) => {
      if (fd === undefined || ino !== journal.ino) return false;
      if (end > head) copyTail({ fd, from: head - base, to: end - base }, rotatedPath(place, head));
      return true;
    });
    if (!isCopied) return;
    const temporary = temporaryName(place.current);
    closeSync(openSync(temporary, "wx", PRIVATE_MODE));
    renameSync(temporary, place.current);
    // Without it all that was rotated counts, and then the new file.
    rmSync(place.journal, { force: true });
  } finally {
    lock.release();
  }
}

function copyTail(range: { fd: number; from: number; to: number }, target: string): void {
  const temporary = temporaryName(target);
  const copy = openSync(temporary, "wx", PRIVATE_MODE);
  try {
    for (let at = range.from; at < range.to; at += COPY_BYTES) {
      writeSync(copy, readFully(range.fd, at, Math.min(COPY_BYTES, range.to - at)));
    }
    // What the next process writes is no part of a line that was cut off.
    if (endsInLine(range.fd)) writeSync(copy, NEWLINE);
    fsyncSync(copy);
  } finally {
    closeSync(copy);
  }
  renameSync(temporary, target);
}
