/** A log that takes only some of the warnings that strangers can cause without end. */
import type { Logger } from "../../lib/log.ts";
import { type Rate, RateLimiter } from "../../lib/rate-limit.ts";

const WARNINGS: Rate = { burst: 20, intervalMs: 3_000 };
const ALL = "all";

/** @param clock milliseconds, from whenever */
export function fewWarnings(log: Logger, clock = (): number => performance.now()): Logger {
  const told = new RateLimiter({ clock, namesMax: 1 });
  return {
    ...log,
    warn: (message, facts) => {
      if (told.take(ALL, WARNINGS).waitMs === 0) log.warn(message, facts);
    },
  };
}
