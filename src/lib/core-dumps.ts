/** Keeps the kernel from writing the memory of a process that crashes, with every key in it, into a file. */
import { dlopen, FFIType } from "bun:ffi";

/** setrlimit(2) */
const RLIMIT_CORE = 4;

/** For this process and all that it starts from now on; elsewhere than on Linux the system's default holds. */
export function forbidCoreDumps(): void {
  if (process.platform !== "linux") return;
  const { symbols } = dlopen("libc.so.6", {
    setrlimit: { args: [FFIType.i32, FFIType.ptr], returns: FFIType.i32 },
  });
  // Both the limit, and how far a child may raise it.
  symbols.setrlimit(RLIMIT_CORE, new BigUint64Array([0n, 0n]));
}
