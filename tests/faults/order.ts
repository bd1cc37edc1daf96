/** What a power cut could undo: the order in which a program writes, makes last, and renames. */
import { dirname } from "node:path";
import type { Call } from "./strace.ts";

const CHANGES = new Set(["write", "pwrite64", "ftruncate"]);
const SYNCS = new Set(["fsync", "fdatasync"]);

/**
 * What is wrong with how `file` was replaced: its content is to be on the disk before its name is, and its name
 * before the writer goes on (Pillai et al., OSDI 2014). Empty when all is well.
 */
export function orderFaults(calls: readonly Call[], file: string): string[] {
  const faults: string[] = [];
  const isChange = (call: Call, path: string): boolean =>
    CHANGES.has(call.name) && call.path === path;
  const isSync = (call: Call, path: string): boolean => SYNCS.has(call.name) && call.path === path;
  const isRename = (call: Call): boolean => call.name.startsWith("rename") && call.path === file;
  if (calls.some((call) => isChange(call, file))) faults.push(`${file} was changed in place`);
  const renames = calls.flatMap((call, index) => (isRename(call) ? [index] : []));
  if (renames.length === 0) faults.push(`${file} was not replaced`);
  for (const [nth, index] of renames.entries()) {
    const from = calls[index]?.from ?? "";
    const earlier = calls.slice(0, index);
    const written = earlier.findLastIndex((call) => isChange(call, from));
    const synced = earlier.findLastIndex((call) => isSync(call, from));
    // A candidate was itself a replaced file, which lasts.
    const isReplaced = earlier.some((call) => call.name.startsWith("rename") && call.path === from);
    if (isReplaced) faults.push(...orderFaults(earlier, from));
    else if (synced < 0 || synced < written) faults.push(`${from} was renamed before its fsync`);
    const later = calls.slice(index + 1, renames[nth + 1]);
    if (!later.some((call) => isSync(call, dirname(file)))) {
      faults.push(`the folder of ${file} was not synced after the rename`);
    }
  }
  return faults;
}
