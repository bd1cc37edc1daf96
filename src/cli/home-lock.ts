/** The lock of a home, and what its file says of who holds it. */
import { z } from "zod";
import { type Lock, takeLock } from "../lib/lock.ts";
import { statOf } from "../lib/proc.ts";

const Holder = z.object({
  command: z.enum(["up", "down", "secrets"]),
  pid: z.int().positive(),
  start_ticks: z.int().nonnegative(),
  since: z.iso.datetime(),
});
type Holder = z.infer<typeof Holder>;

/** Takes the lock for this process. */
export function lockOf(path: string, command: Holder["command"]): Lock | { holder: string } {
  const holder: Holder = {
    command,
    pid: process.pid,
    start_ticks: statOf(process.pid)?.start_ticks ?? 0,
    since: new Date().toISOString(),
  };
  return takeLock(path, JSON.stringify(holder));
}

/** Who a lock's text says that holds it; undefined while it is being written. */
export function holderOf(text: string): Holder | undefined {
  try {
    return Holder.parse(JSON.parse(text));
  } catch {
    // Half written, or of another version: nothing that could be relied on.
    return undefined;
  }
}
