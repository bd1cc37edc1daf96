/** The spool: files of lines between whoever has something to record and the database. */
import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";

/** A writer goes on in another file then, so that this one can be freed. */
export const SEGMENT_BYTES = 256 * 1024;
/** With so much waiting, what comes further is lost, and told. Weeks of ordinary use. */
export const SPOOL_BYTES_MAX = 64 * 1024 * 1024;

/** `<process>-<milliseconds since 1970>-<8 hex digits>.jsonl`: unique, and in the order in which they were begun. */
const SEGMENT = /^[a-z][a-z-]*-\d+-[0-9a-f]{8}\.jsonl$/;

export function segmentName(process: string, now: number): string {
  return `${process}-${now}-${crypto.randomUUID().slice(0, 8)}.jsonl`;
}

/** What a segment with lines that are no events is called in the end: nothing that was written is thrown away. */
export const UNREADABLE = ".unreadable";

function listed(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return [];
    throw error;
  }
}

/** The paths of all segments; none when there is no spool yet. */
export function segmentsIn(folder: string): string[] {
  return listed(folder)
    .filter((name) => SEGMENT.test(name))
    .map((name) => join(folder, name));
}

/** The paths of those that were put aside. */
export function unreadableIn(folder: string): string[] {
  return listed(folder)
    .filter((name) => name.endsWith(UNREADABLE))
    .map((name) => join(folder, name));
}

/** How much waits, in bytes. */
export function spoolBytes(folder: string): number {
  let sum = 0;
  for (const path of segmentsIn(folder)) {
    // One that is gone by now was taken into the database meanwhile.
    sum += statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  }
  return sum;
}
