/** A disk that is nearly full: what Luna has to write fails next. */
import { statfs } from "node:fs/promises";
import type { Finding } from "../problems.ts";

const GIGABYTE = 1024 ** 3;
const MEGABYTE = 1024 ** 2;
/** Below this there is time to act. */
const LOW_BYTES = GIGABYTE;
/** Below this there is none. */
const FULL_BYTES = 100 * MEGABYTE;

/** Bytes that this user may still write where `path` is. */
export async function freeBytes(path: string): Promise<number> {
  const { bavail, bsize } = await statfs(path);
  return bavail * bsize;
}

export function sizeText(bytes: number): string {
  return bytes < GIGABYTE
    ? `${Math.round(bytes / MEGABYTE)} MB`
    : `${(bytes / GIGABYTE).toFixed(1)} GB`;
}

/** How bad it is; undefined when there is room. */
export function diskSeverity(free: number): Finding["severity"] | undefined {
  if (free < FULL_BYTES) return "error";
  return free < LOW_BYTES ? "warning" : undefined;
}

/** What shows where the room went. */
export function diskCommand(home: string): string {
  return `du -xh --max-depth=2 "${home}" | sort -h | tail -n 20`;
}

export async function diskProblems(
  home: string,
  free: (path: string) => Promise<number> = freeBytes,
): Promise<Finding[]> {
  const bytes = await free(home);
  const severity = diskSeverity(bytes);
  if (severity === undefined) return [];
  return [
    {
      id: "disk",
      severity,
      title: `The disk of Luna's home is nearly full: ${sizeText(bytes)} are left`,
      detail: `Without room nothing can be saved. The home is "${home}".`,
      fix: `Make room; this shows what takes it: ${diskCommand(home)}`,
    },
  ];
}
