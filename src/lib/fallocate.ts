/** Gives the beginning of a file back to the disk while others go on writing to its end (fallocate(2)). */
import { dlopen, FFIType } from "bun:ffi";

const KEEP_SIZE = 0x01;
const PUNCH_HOLE = 0x02;
const COLLAPSE_RANGE = 0x08;

/** How the first `bytes`, a multiple of the file system's block size, are given back; false where it cannot. */
export interface Shrinker {
  /** Removes them: what followed is at the beginning now. */
  collapse(fd: number, bytes: number): boolean;
  /** Makes them a hole of zeros that takes no room. */
  punch(fd: number, bytes: number): boolean;
}

function fallocate(fd: number, mode: number, bytes: number): boolean {
  if (process.platform !== "linux") return false;
  const libc = dlopen("libc.so.6", {
    fallocate: {
      args: [FFIType.i32, FFIType.i32, FFIType.i64, FFIType.i64],
      returns: FFIType.i32,
    },
  });
  return libc.symbols.fallocate(fd, mode, 0, bytes) === 0;
}

/** ext4 and XFS can do both; tmpfs and btrfs know holes only. */
export const SHRINKER: Shrinker = {
  collapse: (fd, bytes) => fallocate(fd, COLLAPSE_RANGE, bytes),
  punch: (fd, bytes) => fallocate(fd, PUNCH_HOLE | KEEP_SIZE, bytes),
};
