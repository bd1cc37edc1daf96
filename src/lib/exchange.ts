/** Lets two names change places in one step (renameat2(2)), so that neither is missing for a moment. */
import { dlopen, FFIType } from "bun:ffi";

const AT_FDCWD = -100;
const RENAME_EXCHANGE = 2;

function openLibc() {
  return dlopen("libc.so.6", {
    renameat2: {
      args: [FFIType.i32, FFIType.cstring, FFIType.i32, FFIType.cstring, FFIType.u32],
      returns: FFIType.i32,
    },
  }).symbols;
}
let libc: ReturnType<typeof openLibc> | null | undefined;

/** A C library without it (before glibc 2.28, or not glibc) cannot. */
function openIfThere(): ReturnType<typeof openLibc> | null {
  try {
    return openLibc();
  } catch {
    return null;
  }
}

/** false where the file system or the C library cannot, and then nothing has changed. */
export function exchange(one: string, other: string): boolean {
  if (process.platform !== "linux") return false;
  libc ??= openIfThere();
  const asText = (path: string): Buffer => Buffer.from(`${path}\0`, "utf8");
  const [from, to] = [asText(one), asText(other)];
  return libc?.renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_EXCHANGE) === 0;
}
