/** The mark that all processes of one home carry in their environment, and no other process does. */
import { createHash } from "node:crypto";
import { statSync } from "node:fs";

/** The environment variable by which everything that Luna started is found again, and nothing else. */
export const MARK_VARIABLE = "LUNA_PROCESS_ID";

const LENGTH = 16;

/**
 * The first half of every mark of this home.
 * The folder's own identity is part of it: a container may have another home under the same path.
 */
function homeMark(home: string): string {
  const stats = statSync(home, { throwIfNoEntry: false });
  return createHash("sha256")
    .update(`${home}\0${stats?.dev}:${stats?.ino}`)
    .digest("hex")
    .slice(0, LENGTH);
}

/** The mark of the process `name`. */
export function processMark(home: string, name: string): string {
  return `${homeMark(home)}:${name}`;
}

/** Whether a mark belongs to this home. */
export function isOfHome(home: string): (mark: string) => boolean {
  const prefix = `${homeMark(home)}:`;
  return (mark) => mark.startsWith(prefix);
}
