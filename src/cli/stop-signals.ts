/** The signals that ask `luna up` to stop, and the impatience of a person who asks twice. */

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
/** One Ctrl-C may arrive twice, from the terminal and from npm; a closed terminal sends SIGHUP to everyone. */
const IMPATIENCE_MS = 1_000;

/**
 * Settles at the first signal that asks to stop.
 * @param onImpatience a person asks again, a while later: do not wait for anything
 */
export function untilAskedToStop(onImpatience: () => void): Promise<NodeJS.Signals> {
  const { promise, resolve } = Promise.withResolvers<NodeJS.Signals>();
  let askedAt: number | undefined;
  for (const signal of SIGNALS) {
    process.on(signal, () => {
      askedAt ??= Date.now();
      if (signal !== "SIGHUP" && Date.now() - askedAt >= IMPATIENCE_MS) onImpatience();
      resolve(signal);
    });
  }
  return promise;
}
