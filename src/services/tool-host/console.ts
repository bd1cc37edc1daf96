/** Sends what tool code prints to the log, line for line in its format. */
import { format } from "node:util";
import type { Logger } from "../../lib/log.ts";

/** The protocol is on the socket, so printing can break nothing; this makes it readable beside the rest. */
export function logConsole(log: Logger): void {
  const levels = {
    log: log.info,
    info: log.info,
    debug: log.debug,
    trace: log.debug,
    warn: log.warn,
    error: log.error,
  };
  for (const [method, write] of Object.entries(levels)) {
    Reflect.set(globalThis.console, method, (...given: unknown[]) => write(format(...given)));
  }
}
