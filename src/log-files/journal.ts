/** What is known of a log's bytes: which file they are in, and how far a rotation has come. */
import { readFileSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { z } from "zod";
import { writeJsonAtomic } from "../lib/files.ts";
import type { LogPlace } from "./place.ts";

const Offset = z.int().nonnegative();

/**
 * `logs/.rotation/<name>.json`. Offsets count from the first byte ever written to the log.
 * Without the file: all that was rotated comes first, then the current file from its beginning.
 */
export const Journal = z.object({
  /** The inode of the current file that all this is about. */
  ino: z.int(),
  /** The offset of the current file's first byte. */
  base: Offset,
  /** All before it is in rotated files, all from it on in the current file. */
  head: Offset,
  /** The current file's first bytes, which are about to be given back to the disk. */
  drop: z
    .object({
      bytes: z.int().positive(),
      /** Written over the file's beginning. */
      marker: z.string(),
      /**
       * `copied`: nothing has happened to them · `marked`: the marker is on the disk; where it is gone, the bytes
       * are · `holed`: they cannot be removed, and are, or will be, a hole.
       */
      state: z.enum(["copied", "marked", "holed"]),
    })
    .optional(),
  /** The file system can give nothing back: the file is replaced at the next start of its process. */
  is_stuck: z.boolean().default(false),
});
export type Journal = z.infer<typeof Journal>;

/** The journal's text, which tells whether anything has moved between two looks at it. */
export function readJournalText(place: LogPlace): string {
  try {
    return readFileSync(place.journal, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return "";
    throw error;
  }
}

/** undefined for none, and for one that was damaged: the log then reads as one without a journal. */
export function parseJournal(text: string): Journal | undefined {
  try {
    return Journal.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

export async function writeJournal(
  place: LogPlace,
  journal: z.input<typeof Journal>,
): Promise<void> {
  await mkdir(place.journalFolder, { recursive: true, mode: 0o700 });
  await writeJsonAtomic(place.journal, journal);
}
