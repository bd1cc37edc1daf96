/** How a log lies on disk: the file that is written to, the ones before it, and what is known of them. */
import { readdirSync, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { LogName } from "../contract/logs.ts";

/** Beside the logs: it speaks of files in that very folder. */
const JOURNAL_FOLDER = ".rotation";
const START_DIGITS = 15;
const CURRENT = /^(.+)\.log$/;
const ROTATED = /^(.+)\.log\.(\d{15})$/;

export interface LogPlace {
  name: string;
  folder: string;
  /** The file that processes append to. */
  current: string;
  journalFolder: string;
  journal: string;
  /** Held by whoever moves bytes out of `current`. */
  lock: string;
}

export function placeOf(folder: string, name: string): LogPlace {
  const journalFolder = join(folder, JOURNAL_FOLDER);
  return {
    name,
    folder,
    current: join(folder, `${name}.log`),
    journalFolder,
    journal: join(journalFolder, `${name}.json`),
    lock: join(journalFolder, `${name}.lock`),
  };
}

/** The log that is written to at `path`; undefined when that is not how logs are named. */
export function placeOfPath(path: string): LogPlace | undefined {
  const name = CURRENT.exec(basename(path))?.[1];
  return name === undefined ? undefined : placeOf(dirname(path), name);
}

/**
 * The file that holds the log from byte `start` on, counted from the first byte ever written.
 * A rotation that is repeated after a crash writes the same file again.
 */
export function rotatedPath(place: LogPlace, start: number): string {
  return `${place.current}.${String(start).padStart(START_DIGITS, "0")}`;
}

export interface RotatedFile {
  path: string;
  start: number;
  end: number;
  /** Milliseconds since the epoch. */
  modified: number;
}

function filesOf(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    // A home that never ran has no logs.
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return [];
    throw error;
  }
}

/** The files before the current one, oldest first. */
export function rotatedFiles(place: LogPlace): RotatedFile[] {
  const found: RotatedFile[] = [];
  for (const file of filesOf(place.folder)) {
    const [, name, digits] = ROTATED.exec(file) ?? [];
    if (name !== place.name) continue;
    const path = join(place.folder, file);
    const stats = statSync(path, { throwIfNoEntry: false });
    // Removed since it was listed, as the oldest ones are.
    if (stats === undefined) continue;
    const start = Number(digits);
    found.push({ path, start, end: start + stats.size, modified: stats.mtimeMs });
  }
  return found.sort((one, other) => one.start - other.start);
}

/** The names of all logs in `folder`, also of those that nobody writes any more. */
export function logNames(folder: string): string[] {
  const names = filesOf(folder).flatMap((file) => {
    const name = (CURRENT.exec(file) ?? ROTATED.exec(file))?.[1];
    return LogName.safeParse(name).data ?? [];
  });
  return [...new Set(names)].sort();
}
