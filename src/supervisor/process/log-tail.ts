/** The last lines of a log file, for the problem that a crash loop becomes. */
import { closeSync, fstatSync, openSync, readSync } from "node:fs";

const BYTES_MAX = 16_384;

/** Up to `lines` last lines of the file at `path`; none when it cannot be read. */
export function lastLines(path: string, lines: number): string[] {
  let fd: number;
  try {
    fd = openSync(path, "r");
  } catch {
    // No log yet: there is nothing to show, which is all that is asked.
    return [];
  }
  try {
    const { size } = fstatSync(fd);
    const length = Math.min(size, BYTES_MAX);
    const buffer = Buffer.alloc(length);
    readSync(fd, buffer, 0, length, size - length);
    return buffer.toString("utf8").trimEnd().split("\n").slice(-lines);
  } finally {
    closeSync(fd);
  }
}
