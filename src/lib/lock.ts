/** A lock that the kernel releases when its holder dies, however it dies (flock(2)). */
import { dlopen, FFIType } from "bun:ffi";
import {
  closeSync,
  constants,
  fstatSync,
  ftruncateSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  writeSync,
} from "node:fs";
import { PRIVATE_MODE } from "./files.ts";

const LOCK_EXCLUSIVE_NOW = 2 | 4; // LOCK_EX | LOCK_NB
const ATTEMPTS = 5;

function openLibc() {
  return dlopen(process.platform === "darwin" ? "libSystem.dylib" : "libc.so.6", {
    flock: { args: [FFIType.i32, FFIType.i32], returns: FFIType.i32 },
  }).symbols;
}
let libc: ReturnType<typeof openLibc> | undefined;

/** Takes the lock of an open file, until it is closed by all who have it open from here; false when another has it. */
export function flock(fd: number): boolean {
  libc ??= openLibc();
  return libc.flock(fd, LOCK_EXCLUSIVE_NOW) === 0;
}

function isStillThere(fd: number, path: string): boolean {
  try {
    return fstatSync(fd).ino === statSync(path).ino;
  } catch {
    // Removed by a holder that ended between our open and our lock.
    return false;
  }
}

export interface Lock {
  /** Removes the file and lets go. */
  release(): void;
}

/**
 * Takes the lock, and writes `text` (who holds it) into its file.
 * @returns the lock, or what the present holder wrote; that is "" while it is about to write
 */
export function takeLock(path: string, text: string): Lock | { holder: string } {
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const fd = openSync(path, constants.O_RDWR | constants.O_CREAT, PRIVATE_MODE);
    if (!flock(fd)) {
      // Through the open file: by its name it may be gone by now, or another one.
      const holder = readFileSync(fd, "utf8");
      closeSync(fd);
      return { holder };
    }
    if (!isStillThere(fd, path)) {
      closeSync(fd);
      continue;
    }
    ftruncateSync(fd);
    writeSync(fd, text);
    return {
      release: () => {
        rmSync(path, { force: true });
        closeSync(fd);
      },
    };
  }
  return { holder: "" };
}
