/** The moment that a person means by "1h" or by a date. */
import { parseDuration } from "../lib/duration.ts";
import { InvalidInputError } from "../lib/errors.ts";

/**
 * Milliseconds since the epoch of `30s`, `15m`, `1h`, `2d` (ago) or an ISO 8601 date. Pure.
 * @throws InvalidInputError for anything else
 */
export function parseSince(text: string, now: number): number {
  const ago = parseDuration(text);
  const time = ago === undefined ? Date.parse(text.trim()) : now - ago;
  if (!Number.isNaN(time)) return time;
  throw new InvalidInputError(
    `Cannot read the time "${text}": it should be how long ago (30s, 15m, 1h, 2d) or a date such as 2030-01-31T12:00`,
  );
}
