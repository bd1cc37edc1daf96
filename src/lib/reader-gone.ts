/** Tells whether anybody still reads what is written to a pipe, without writing to it (poll(2)). */
import { dlopen, FFIType } from "bun:ffi";

const POLLERR = 0x08;
const POLLHUP = 0x10;

/** Returns the check of one descriptor; where it cannot be asked, the next write tells. */
export function readerGone(fd: number): () => boolean {
  if (process.platform !== "linux") return () => false;
  const { symbols } = dlopen("libc.so.6", {
    poll: { args: [FFIType.ptr, FFIType.u64, FFIType.i32], returns: FFIType.i32 },
  });
  // struct pollfd: the descriptor in four bytes, then two bytes of what is asked for and two of the answer.
  const entry = new DataView(new ArrayBuffer(8));
  entry.setInt32(0, fd, true);
  return () => {
    symbols.poll(new Uint8Array(entry.buffer), 1, 0);
    return (entry.getInt16(6, true) & (POLLERR | POLLHUP)) !== 0;
  };
}
