/** The moment that a person means by "1h" or by a date. */
import { InvalidInputError } from "../lib/errors.ts";

const UNIT_MS: Readonly<Record<string, number>> = {
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};
const AGO = /^(\d{1,9})\s*([smhd])$/;

/**
 * Milliseconds since the epoch of `30s`, `15m`, `1h`, `2d` (ago) or an ISO 8601 date. Pure.
 * @throws InvalidInputError for anything else
 */
export function parseSince(text: string, now: number): number {
  const [, count, unit = ""] = AGO.exec(text.trim()) ?? [];
  const time =
    count === undefined ? Date.parse(text.trim()) : now - Number(count) * (UNIT_MS[unit] ?? 0);
  if (!Number.isNaN(time)) return time;
  throw new InvalidInputError(
    `Cannot read the time "${text}": it should be how long ago (30s, 15m, 1h, 2d) or a date such as 2030-01-31T12:00`,
  );
}
