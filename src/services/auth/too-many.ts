/** The refusal of who tried too often, with the time after which to try again. */
import { z } from "zod";
import { TooManyError } from "../../lib/errors.ts";

const Details = z.object({ retry_after_s: z.int() });

/** @param what "sign in now: too many attempts have failed" */
export function tooMany(what: string, waitMs: number): TooManyError {
  const retry_after_s = Math.max(1, Math.ceil(waitMs / 1000));
  return new TooManyError(`Cannot ${what}; try again in ${retry_after_s} s`, {
    details: { retry_after_s },
  });
}

/** The value of the header `Retry-After`, when `thrown` says one. */
export function retryAfterOf(thrown: unknown): string | undefined {
  if (!(thrown instanceof TooManyError)) return undefined;
  const details = Details.safeParse(thrown.details);
  return details.success ? String(details.data.retry_after_s) : undefined;
}
