/** Takes the lock of a home. */
import type { LockHolder } from "../config/lock-holder.ts";
import { type Lock, takeLock } from "../lib/lock.ts";
import { statOf } from "../lib/proc.ts";

/** Takes the lock for this process. */
export function lockOf(path: string, command: LockHolder["command"]): Lock | { holder: string } {
  const holder: LockHolder = {
    command,
    pid: process.pid,
    start_ticks: statOf(process.pid)?.start_ticks ?? 0,
    since: new Date().toISOString(),
  };
  return takeLock(path, JSON.stringify(holder));
}
