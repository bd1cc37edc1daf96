/** Takes in orphaned descendants, and lets the kernel forget them once they have ended. */
import { dlopen, FFIType } from "bun:ffi";
import { childrenOf, statOf } from "./proc.ts";

const PR_SET_CHILD_SUBREAPER = 36;
const WNOHANG = 1;
/** The kernel's list of children may skip one that ends while it is read: another look makes up for that. */
const NEXT_LOOK_MS = 1_000;

interface ReaperOptions {
  /**
   * Whether this process started the child itself. The runtime reaps those and reads their exit code;
   * each must be known here from its start until that was told.
   */
  isOwn(pid: number): boolean;
}

/**
 * Makes this process the parent of every descendant whose own parent has ended (PR_SET_CHILD_SUBREAPER, prctl(2)),
 * as pid 1 of a container is anyway, and reaps each of them by its own pid: `waitpid(-1)` could take a child from the runtime.
 * Elsewhere than on Linux the machine's init does it.
 */
export function reapOrphans({ isOwn }: ReaperOptions): void {
  if (process.platform !== "linux") return;
  const { symbols } = dlopen("libc.so.6", {
    prctl: {
      args: [FFIType.i32, FFIType.u64, FFIType.u64, FFIType.u64, FFIType.u64],
      returns: FFIType.i32,
    },
    waitpid: { args: [FFIType.i32, FFIType.ptr, FFIType.i32], returns: FFIType.i32 },
  });
  symbols.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
  let next: Timer | undefined;
  const look = (): void => {
    clearTimeout(next);
    next = undefined;
    let isOver = false;
    try {
      const dead = childrenOf(process.pid).filter((pid) => statOf(pid)?.alive === false);
      for (const pid of dead) if (!isOwn(pid)) symbols.waitpid(pid, null, WNOHANG);
      isOver = dead.length === 0;
    } catch {
      // No descriptor is free, perhaps: they can wait.
    }
    if (!isOver) next = setTimeout(look, NEXT_LOOK_MS).unref();
  };
  process.on("SIGCHLD", look);
  look();
}
