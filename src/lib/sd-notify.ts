/** Tells the service manager that started this process how it is, by systemd's protocol (sd_notify(3)). */
import { dlopen, FFIType } from "bun:ffi";
import { z } from "zod";

const AF_UNIX = 1;
const SOCK_DGRAM_CLOEXEC = 2 | 0x80000;
/** The event loop never waits for the manager: what it cannot take now is sent again with the next word. */
const MSG_DONTWAIT_NOSIGNAL = 0x40 | 0x4000;
/** Of `sockaddr_un` (unix(7)): two bytes of family, then the path. */
const ADDRESS_BYTES = 110;
const PATH_OFFSET = 2;

const US_PER_MS = 1_000;

/** What systemd gives to a service of `Type=notify`. None of it is for the service's own children. */
const ManagerVariables = z.object({
  NOTIFY_SOCKET: z.string().optional(),
  WATCHDOG_USEC: z.coerce.number().int().positive().optional().catch(undefined),
  WATCHDOG_PID: z.coerce.number().int().optional().catch(undefined),
});

/** Fields of one message, such as `{ READY: 1, STATUS: "5 parts run" }`. */
type Message = Readonly<Record<string, string | number>>;

export interface ServiceManager {
  /** How long it waits for a `WATCHDOG=1` before it ends this process; undefined when it does not watch it. */
  watchdogMs: number | undefined;
  /** Sends a message; false when the manager could not take it. */
  notify(message: Message): boolean;
}

/** The socket's address as the kernel wants it; undefined for what is no unix socket. */
function addressOf(name: string): Uint8Array | undefined {
  const path = new TextEncoder().encode(name);
  const isAbstract = name.startsWith("@");
  if (!isAbstract && !name.startsWith("/")) return undefined;
  // A path ends with a zero byte; an abstract name begins with one, and its length tells its end.
  const length = PATH_OFFSET + path.length + (isAbstract ? 0 : 1);
  if (length > ADDRESS_BYTES) return undefined;
  const address = new Uint8Array(length);
  new Uint16Array(address.buffer, 0, 1)[0] = AF_UNIX;
  address.set(path, PATH_OFFSET);
  if (isAbstract) address[PATH_OFFSET] = 0;
  return address;
}

/** Neither Bun nor Node has unix datagrams, so this is libc's own `sendto`. */
function datagramsTo(address: Uint8Array): (payload: Uint8Array) => boolean {
  const { symbols } = dlopen("libc.so.6", {
    socket: { args: [FFIType.i32, FFIType.i32, FFIType.i32], returns: FFIType.i32 },
    sendto: {
      args: [FFIType.i32, FFIType.ptr, FFIType.u64, FFIType.i32, FFIType.ptr, FFIType.u32],
      returns: FFIType.i64,
    },
  });
  const fd = symbols.socket(AF_UNIX, SOCK_DGRAM_CLOEXEC, 0);
  return (payload) =>
    symbols.sendto(fd, payload, payload.length, MSG_DONTWAIT_NOSIGNAL, address, address.length) >=
    0;
}

/** One `NAME=value` a line; a line break inside a value would begin another field. */
function lines(message: Message): string {
  return Object.entries(message)
    .map(
      ([name, value]) =>
        `${name}=${String(value)
          .trim()
          .replaceAll(/\s*\n\s*/g, " ")}`,
    )
    .join("\n");
}

/**
 * The service manager that started this process.
 * @param variables the environment of this process
 * @returns undefined when none wants to be told, as from a terminal
 */
export function serviceManagerOf(
  variables: Readonly<Record<string, string | undefined>>,
): ServiceManager | undefined {
  const { NOTIFY_SOCKET, WATCHDOG_USEC, WATCHDOG_PID } = ManagerVariables.parse(variables);
  const address = NOTIFY_SOCKET === undefined ? undefined : addressOf(NOTIFY_SOCKET);
  if (address === undefined) return undefined;
  const send = datagramsTo(address);
  const isWatched = WATCHDOG_PID === undefined || WATCHDOG_PID === process.pid;
  return {
    watchdogMs: isWatched && WATCHDOG_USEC !== undefined ? WATCHDOG_USEC / US_PER_MS : undefined,
    notify: (message) => send(new TextEncoder().encode(lines(message))),
  };
}
