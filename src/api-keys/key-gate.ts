/** Lets requests with a good key through: checks it, counts it against its limit, and notes that it was used. */
import { AGENT_KEY_NAME } from "../contract/agent-key.ts";
import type { KeyScopes } from "../contract/api-keys.ts";
import type { AuditActor } from "../contract/audit.ts";
import { type MasterConfig, type RateLimit, RateLimitSettings } from "../contract/config.ts";
import { TooManyError, UnauthorizedError } from "../lib/errors.ts";
import type { Rate, RateLimiter } from "../lib/rate-limit.ts";
import { rateLimitHeaders } from "../lib/rate-limit-headers.ts";
import type { KeyCheck } from "./key-check.ts";
import { ALL_SCOPES } from "./scopes.ts";

/** The name of the policy in `RateLimit-Policy`. */
const POLICY = "key";

type Headers = Readonly<Record<string, string>>;

/** What is counted of a request. */
interface Counted {
  /** For the answer. */
  readonly headers: Headers;
  /**
   * Counts what the request carries beyond one.
   * @throws TooManyError
   */
  countMore(count: number): void;
}

const UNCOUNTED: Counted = { headers: {}, countMore: () => undefined };

/** What a request may do, whoever sent it. */
export interface Access extends Counted {
  /** Who that is, for the audit log. */
  readonly actor: AuditActor;
  readonly scopes: KeyScopes;
  /** The scopes at this moment, for work that lasts; undefined once the key is not good any more. */
  current(): Promise<KeyScopes | undefined>;
}

/** What somebody has who needs no API key. */
export function wholeAccess(actor: AuditActor, counted = UNCOUNTED): Access {
  return { actor, scopes: ALL_SCOPES, current: async () => ALL_SCOPES, ...counted };
}

interface KeyGateOptions {
  check: Pick<KeyCheck, "find">;
  limiter: RateLimiter;
  config: { read(): Promise<MasterConfig> };
  uses: { note(id: string): void };
}

function rateOf({ requests, window_s }: RateLimit): Rate {
  return { burst: requests, intervalMs: (window_s * 1000) / requests };
}

export class KeyGate {
  readonly #options: KeyGateOptions;

  constructor(options: KeyGateOptions) {
    this.#options = options;
  }

  /**
   * Admits whoever presents the key with this hash.
   * @param what for the refusal: "the agent API"
   * @throws UnauthorizedError, the same for a key that is unknown, expired or revoked; TooManyError
   */
  async admit(hash: string, what: string): Promise<Access> {
    const { check, uses } = this.#options;
    const holder = await check.find(hash);
    if (holder === undefined) {
      throw new UnauthorizedError(
        `Cannot use ${what}: the key is missing or wrong, expired or revoked; the Hub's Connect and Keys pages lead to a good one`,
      );
    }
    uses.note(holder.id);
    const { id, name, scopes, rate_limit } = holder;
    const common = id === AGENT_KEY_NAME ? "agent_api_key" : "api_key";
    const counted = this.count(id, rate_limit ?? (await this.#settings())[common]);
    const current = async () => (await check.find(hash))?.scopes;
    return { actor: { kind: "key", name }, scopes, current, ...counted };
  }

  async #settings(): Promise<RateLimitSettings> {
    try {
      return (await this.#options.config.read()).rate_limits;
    } catch {
      // A configuration that never parsed is told of by the supervisor; limits there have to be.
      return RateLimitSettings.parse({});
    }
  }

  /**
   * Counts a request of `id` against its limit in this process.
   * @throws TooManyError with the headers that tell of the limit
   */
  count(id: string, limit: RateLimit | null): Counted {
    if (limit === null) return UNCOUNTED;
    const headers = this.#take(id, limit, 1);
    const countMore = (count: number): void => {
      if (count === 0) return;
      // The request itself is counted as well: so many never pass, however long one waits.
      if (count >= limit.requests) {
        throw new TooManyError(
          `Cannot take ${count + 1} requests in one with this key: its limit is ${limit.requests} in ${limit.window_s} s; send fewer at once`,
          { code: "rate_limited", headers },
        );
      }
      Object.assign(headers, this.#take(id, limit, count));
    };
    return { headers, countMore };
  }

  #take(id: string, limit: RateLimit, count: number): Record<string, string> {
    const rate = rateOf(limit);
    const taking = this.#options.limiter.take(id, rate, count);
    const headers = rateLimitHeaders(POLICY, rate, taking);
    if (taking.waitMs === 0) return headers;
    const seconds = Math.ceil(taking.waitMs / 1000);
    throw new TooManyError(
      `Cannot take more requests with this key now: its limit is ${limit.requests} in ${limit.window_s} s; try again in ${seconds} s`,
      { code: "rate_limited", headers, details: { retry_after_s: seconds } },
    );
  }
}
