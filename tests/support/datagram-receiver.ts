/** A unix datagram socket that keeps what it is sent, as systemd's notification socket does. */
import { dlopen, FFIType } from "bun:ffi";
import { rmSync } from "node:fs";

const AF_UNIX = 1;
const SOCK_DGRAM_CLOEXEC = 2 | 0x80000;
const MSG_DONTWAIT = 0x40;
const MESSAGE_BYTES_MAX = 65_536;

const libc = dlopen("libc.so.6", {
  socket: { args: [FFIType.i32, FFIType.i32, FFIType.i32], returns: FFIType.i32 },
  bind: { args: [FFIType.i32, FFIType.ptr, FFIType.u32], returns: FFIType.i32 },
  recv: { args: [FFIType.i32, FFIType.ptr, FFIType.u64, FFIType.i32], returns: FFIType.i64 },
  close: { args: [FFIType.i32], returns: FFIType.i32 },
});

export interface DatagramReceiver {
  /** Every message so far, oldest first. */
  messages(): readonly string[];
  close(): void;
}

/** Listens at a path, or at the abstract name behind an `@`. */
export function receiveDatagrams(name: string): DatagramReceiver {
  const path = Buffer.from(name.replace(/^@/, "\0"));
  const address = Buffer.concat([Buffer.from([AF_UNIX, 0]), path]);
  const fd = libc.symbols.socket(AF_UNIX, SOCK_DGRAM_CLOEXEC, 0);
  if (libc.symbols.bind(fd, address, address.length) !== 0) {
    throw new Error(`Cannot listen at "${name}"`);
  }
  const buffer = Buffer.alloc(MESSAGE_BYTES_MAX);
  const all: string[] = [];
  return {
    messages: () => {
      for (;;) {
        const length = Number(libc.symbols.recv(fd, buffer, buffer.length, MSG_DONTWAIT));
        if (length < 0) return all;
        all.push(buffer.toString("utf8", 0, length));
      }
    },
    close: () => {
      libc.symbols.close(fd);
      if (!name.startsWith("@")) rmSync(name, { force: true });
    },
  };
}
