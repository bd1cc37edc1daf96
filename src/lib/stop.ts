/** How a process of Luna ends when it is asked to: it takes no more work, and lets what it has finish. */
import type { Server } from "bun";
import type { Logger } from "./log.ts";

/** Requests under way may take this long to finish. */
const DRAIN_MS = 2_000;
/** Streams, which may go on for ever, are told to end after this long. */
const STREAMS_MS = 1_000;

/**
 * Settles at the first signal that asks to stop.
 * Call it before anything else: a signal during the start must not be lost.
 */
export function askedToStop(): Promise<NodeJS.Signals> {
  const { promise, resolve } = Promise.withResolvers<NodeJS.Signals>();
  for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) process.on(signal, resolve);
  return promise;
}

/**
 * Ends the process when something failed that nobody foresaw, after one line that says what:
 * whoever watches it starts a new one. Without this, Bun goes on while the entry's own promise is pending.
 */
export function endOnUncaught(log: Logger): void {
  const end = (error: unknown): void => {
    log.error("Ending: something failed that nobody foresaw", { error });
    process.exit(1);
  };
  process.on("uncaughtException", end);
  process.on("unhandledRejection", end);
}

/**
 * Stops listening at once, and settles when the last request is answered or its time is over.
 * @param streams aborted when streams have to say their last word, before all is cut
 */
export async function drain(server: Server<unknown>, streams?: AbortController): Promise<void> {
  const last = setTimeout(() => streams?.abort(), STREAMS_MS);
  const cut = setTimeout(() => void server.stop(true), DRAIN_MS);
  await server.stop();
  clearTimeout(last);
  clearTimeout(cut);
}
