/** What GitHub's answers mean when they are no success, in words that say what to do (docs.github.com, REST API). */
import { z } from "zod";
import { type LunaError, NotFoundError, TooManyError, UpstreamError } from "../lib/errors.ts";
import { textOf, WayError, type WebAnswer } from "./web-request.ts";

const ANSWER_BYTES_MAX = 64 * 1024;
const TOLD_LENGTH_MAX = 200;
const MS_PER_SECOND = 1000;
const MS_PER_MINUTE = 60_000;
/** A stranger's clock may be anything. */
const RESET_MS_MAX = 24 * 60 * MS_PER_MINUTE;

const Refusal = z.looseObject({ message: z.string() });

interface Asked {
  /** The source, as errors name it. */
  what: string;
  /** The branch, tag or commit that was asked for, when it was. */
  ref?: string | undefined;
  hasToken: boolean;
  now: number;
}

/** GitHub's own words, as far as there are any. */
async function told(answer: WebAnswer): Promise<string> {
  const text = await textOf(answer, ANSWER_BYTES_MAX).catch(() => "");
  try {
    const { message } = Refusal.parse(JSON.parse(text));
    return message.slice(0, TOLD_LENGTH_MAX).replace(/\p{C}/gu, " ");
  } catch {
    return ""; // No JSON: some other server's page.
  }
}

/** When GitHub answers again; undefined when this is no refusal for asking too often. */
function resetOf({ headers, status }: Response, words: string, now: number): number | undefined {
  if (status !== 403 && status !== 429) return undefined;
  const after = Number(headers.get("Retry-After") ?? Number.NaN) * MS_PER_SECOND;
  const reset = Number(headers.get("X-RateLimit-Reset") ?? Number.NaN) * MS_PER_SECOND - now;
  const isSpent = headers.get("X-RateLimit-Remaining") === "0";
  const isLimit = status === 429 || isSpent || !Number.isNaN(after) || /rate limit/i.test(words);
  if (!isLimit) return undefined;
  const wait = Number.isNaN(after)
    ? isSpent && !Number.isNaN(reset)
      ? reset
      : MS_PER_MINUTE
    : after;
  return now + Math.min(Math.max(wait, 0), RESET_MS_MAX);
}

function tooOften({ what, hasToken, now }: Asked, until: number): LunaError {
  const minutes = Math.max(1, Math.ceil((until - now) / MS_PER_MINUTE));
  const time = new Date(until).toISOString().slice(11, 16);
  const more = hasToken ? "" : "; with a GITHUB_TOKEN it takes many more";
  return new TooManyError(
    `Cannot fetch "${what}": GitHub takes no more requests until ${time} UTC, in ${minutes} min${more}`,
    {
      ...{ code: "rate_limited", details: { until: new Date(until).toISOString() } },
      headers: { "Retry-After": String(Math.ceil((until - now) / MS_PER_SECOND)) },
    },
  );
}

/** Reads what is left of the answer. */
export async function refusalOf(answer: WebAnswer, asked: Asked): Promise<LunaError> {
  const { status } = answer.response;
  const { what, ref, hasToken, now } = asked;
  const words = await told(answer);
  const until = resetOf(answer.response, words, now);
  if (until !== undefined) return tooOften(asked, until);
  const says = words === "" ? "" : ` ("${words}")`;
  if (status >= 500)
    return new WayError(`Cannot fetch "${what}": GitHub answered ${status}${says}`);
  switch (status) {
    case 401:
      // Whoever asked Luna is not the one who is not known.
      return new UpstreamError(
        `Cannot fetch "${what}": GitHub does not take GITHUB_TOKEN; it may have expired`,
        { code: "github_token" },
      );
    case 404: {
      const may = hasToken
        ? "or GITHUB_TOKEN may not read it"
        : "or it is private: then set GITHUB_TOKEN";
      return new NotFoundError(`Cannot fetch "${what}": there is no such repository, ${may}`);
    }
    case 409:
      return new NotFoundError(`Cannot fetch "${what}": the repository is empty`);
    case 422:
      return new NotFoundError(
        `Cannot fetch "${what}": there is no branch, tag or commit "${ref ?? "HEAD"}"`,
      );
    default:
      return new UpstreamError(`Cannot fetch "${what}": GitHub answered ${status}${says}`);
  }
}
