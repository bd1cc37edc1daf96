/** What the lock of a home says of who holds it. */
import { readFileSync } from "node:fs";
import { z } from "zod";
import { isSameProcess } from "../lib/proc.ts";

/** Asks `luna up` to start its supervisor, and with it everything, again. */
export const RESTART_SIGNAL = "SIGUSR2";

export const LockHolder = z.object({
  command: z.enum(["up", "down", "secrets"]),
  pid: z.int().positive(),
  start_ticks: z.int().nonnegative(),
  since: z.iso.datetime(),
});
export type LockHolder = z.infer<typeof LockHolder>;

/** Who a lock's text says that holds it; undefined while it is being written. */
export function holderOf(text: string): LockHolder | undefined {
  try {
    return LockHolder.parse(JSON.parse(text));
  } catch {
    // Half written, or of another version: nothing that could be relied on.
    return undefined;
  }
}

/** The pid of the `luna up` that runs in the home with this lock; undefined when none does. */
export function runningBootstrap(lock: string): number | undefined {
  try {
    const holder = holderOf(readFileSync(lock, "utf8"));
    if (holder?.command !== "up") return undefined;
    return isSameProcess(holder.pid, holder.start_ticks) ? holder.pid : undefined;
  } catch {
    // No lock: nobody holds it.
    return undefined;
  }
}
