/** The mark that all processes of one home carry in their environment, and no other process does. */
import { createHash } from "node:crypto";

const LENGTH = 16;

/** The first half of every mark of this home. */
function homeMark(home: string): string {
  return createHash("sha256").update(home).digest("hex").slice(0, LENGTH);
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
