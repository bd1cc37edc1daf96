/** Rotates one log by size under the hands of the processes that append to it, which know nothing of it. */
import { randomUUID } from "node:crypto";
import { fstatSync, writeSync } from "node:fs";
import { type FileHandle, mkdir, open, rm } from "node:fs/promises";
import type { LogSettings } from "../contract/config.ts";
import type { Shrinker } from "../lib/fallocate.ts";
import { PRIVATE_MODE, renameDurably, temporaryName } from "../lib/files.ts";
import { takeLock } from "../lib/lock.ts";
import { chooseCut, choosePieces } from "./cuts.ts";
import { type Journal, parseJournal, readJournalText, writeJournal } from "./journal.ts";
import { type LogPlace, rotatedFiles, rotatedPath } from "./place.ts";
import { beginsWith, type View, withView } from "./view.ts";

/*
 * Whole lines are copied from the file's beginning, then that beginning is given back to the disk. The journal says
 * at every moment which of both copies counts, so that a crash between any two steps neither loses nor doubles a
 * line: for readers at once, and for the next rotation.
 */

const COPY_BYTES = 256 * 1024;
const NEWLINE = "\n";

export interface RotationOptions {
  place: LogPlace;
  settings: Pick<LogSettings, "file_bytes_max" | "files_kept">;
  shrinker: Shrinker;
}

/** Whether the current file has grown to its limit, or an earlier rotation was cut off. */
export function isDue({ place, settings }: Omit<RotationOptions, "shrinker">): boolean {
  const journal = parseJournal(readJournalText(place));
  if (journal?.drop !== undefined) return true;
  const stuck = journal?.is_stuck === true ? journal.ino : undefined;
  return withView(
    place,
    ({ ino, head, end }) => ino !== stuck && end - head >= settings.file_bytes_max,
  );
}

/** Rotates the log if it is due. */
export async function rotate(options: RotationOptions): Promise<void> {
  await mkdir(options.place.journalFolder, { recursive: true, mode: 0o700 });
  const lock = takeLock(options.place.lock, String(process.pid));
  // Another process is at it.
  if ("holder" in lock) return;
  try {
    const steps = rotationSteps(options);
    while ((await steps.next()).done !== true);
  } finally {
    lock.release();
  }
}

/** The steps of a rotation; it may be given up after each of them, as a crash does. */
export async function* rotationSteps(options: RotationOptions): AsyncGenerator<string> {
  const { place, shrinker } = options;
  const unfinished = parseJournal(readJournalText(place));
  if (unfinished?.drop !== undefined) yield* dropSteps(place, unfinished, shrinker);
  if (!isDue(options)) return;
  const file = await open(place.current, "r+");
  try {
    const journal = withView(place, ({ ino = 0, base, head }) => ({ ino, base, head }));
    if (fstatSync(file.fd).ino !== journal.ino) return;
    // From now on a rotated file that begins at `head` or later does not count.
    await writeJournal(place, journal);
    yield "journal begun";
    const moved = yield* copySteps(file, journal, options);
    if (moved !== undefined) yield* dropSteps(place, moved, shrinker);
  } finally {
    await file.close();
  }
  await prune(place, options.settings.files_kept);
  yield "pruned";
}

/** Copies what goes out of the current file, then says that the copies count. */
async function* copySteps(
  file: FileHandle,
  journal: Pick<View, "base" | "head"> & { ino: number },
  { place, settings }: RotationOptions,
): AsyncGenerator<string, Journal | undefined> {
  const { base, head } = journal;
  const { size, blksize } = fstatSync(file.fd);
  const cut = chooseCut(file.fd, { from: head - base, size, blockBytes: blksize });
  if (cut === undefined) return undefined;
  const pieces = choosePieces(file.fd, {
    ...{ from: head - base, to: cut.end },
    ...{ bytesMax: settings.file_bytes_max, kept: settings.files_kept },
  });
  for (const { path, start } of rotatedFiles(place)) {
    if (start >= head) await rm(path, { force: true });
  }
  // First, as a full disk may have no room for both.
  await prune(place, settings.files_kept - pieces.length);
  yield "room made";
  for (const { from, to } of pieces) {
    await copyRange(file, { from, to, target: rotatedPath(place, base + from) });
    yield "copied";
  }
  const moved: Journal = {
    ...{ ino: journal.ino, base, head: base + cut.end, is_stuck: false },
    drop: { bytes: cut.bytes, marker: `rotated ${randomUUID()}\n`, state: "copied" },
  };
  await writeJournal(place, moved);
  yield "committed";
  return moved;
}

async function copyRange(
  file: FileHandle,
  { from, to, target }: { from: number; to: number; target: string },
): Promise<void> {
  const temporary = temporaryName(target);
  try {
    const copy = await open(temporary, "wx", PRIVATE_MODE);
    try {
      const buffer = Buffer.alloc(COPY_BYTES);
      for (let at = from; at < to; ) {
        const { bytesRead } = await file.read(buffer, 0, Math.min(buffer.length, to - at), at);
        if (bytesRead === 0) throw new Error("The log was emptied meanwhile");
        await copy.appendFile(buffer.subarray(0, bytesRead));
        at += bytesRead;
      }
      await copy.sync();
    } finally {
      await copy.close();
    }
    await renameDurably(temporary, target);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

/** Gives the copied beginning back to the disk. */
async function* dropSteps(
  place: LogPlace,
  journal: Journal,
  shrinker: Shrinker,
): AsyncGenerator<string> {
  const { ino, base, head, drop } = journal;
  const file = await openIfThere(place.current);
  try {
    const stats = file === undefined ? undefined : fstatSync(file.fd);
    const isEmptied = drop?.state === "copied" && (stats?.size ?? 0) < head - base;
    if (file === undefined || drop === undefined || stats?.ino !== ino || isEmptied) {
      await writeJournal(place, { ino, base: head, head });
      return;
    }
    if (drop.state === "copied") {
      writeSync(file.fd, drop.marker, 0);
      // Off this thread; collapsing finds little then that is not on the disk yet.
      await file.datasync();
      await writeJournal(place, { ...journal, drop: { ...drop, state: "marked" } });
      yield "marked";
    }
    const isThere = drop.state === "holed" || beginsWith(file.fd, drop.marker);
    if (isThere && (drop.state === "holed" || !shrinker.collapse(file.fd, drop.bytes))) {
      await writeJournal(place, { ...journal, drop: { ...drop, state: "holed" } });
      yield "cannot collapse";
      const bytes = Math.floor((head - base) / stats.blksize) * stats.blksize;
      const isFreed = shrinker.punch(file.fd, bytes);
      yield "punched";
      await writeJournal(place, { ino, base, head, is_stuck: !isFreed });
      return;
    }
    yield "collapsed";
    blank(file.fd, head - base - drop.bytes);
    yield "blanked";
    await writeJournal(place, { ino, base: base + drop.bytes, head });
    yield "done";
  } finally {
    await file?.close();
  }
}

async function openIfThere(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path, "r+");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
}

/** What is left of the last line that was copied would be half a line to a person who looks into the file. */
function blank(fd: number, bytes: number): void {
  if (bytes > 0) writeSync(fd, " ".repeat(bytes - 1) + NEWLINE, 0);
}

/** Removes the oldest rotated files, until `kept` are left. */
async function prune(place: LogPlace, kept: number): Promise<void> {
  const files = rotatedFiles(place);
  for (const { path } of files.slice(0, Math.max(0, files.length - Math.max(0, kept)))) {
    await rm(path, { force: true });
  }
}
