/** What access tokens open, as auth says it: asked once a second for each token at most, however many calls come with it. */
import { type Access, AccessAnswer, type AccessRefusal } from "../../contract/oauth.ts";
import { messageOf, UnavailableError } from "../../lib/errors.ts";
import type { Logger } from "../../lib/log.ts";

/** A revocation counts after this long at the latest. */
export const BELIEVED_MS = 1_000;
/** While auth does not answer, nobody can revoke anything: what it said last holds for as long. */
export const BELIEVED_ALONE_MS = 30_000;
const ASK_TIMEOUT_MS = 5_000;
/** More than the owner has clients. */
const TOKENS_MAX = 10_000;

interface Answer {
  access: Access | undefined;
  refusal: AccessRefusal | undefined;
  /** When it was asked for. */
  at: number;
}

interface AccessTokensOptions {
  /** Asks auth; rejects when nobody answers. */
  ask(token_hash: string, signal: AbortSignal): Promise<AccessAnswer>;
  /** Milliseconds since 1970. */
  clock: () => number;
  log: Logger;
}

export class AccessTokens {
  readonly #options: AccessTokensOptions;
  readonly #answers = new Map<string, Answer>();
  readonly #asking = new Map<string, Promise<Answer>>();

  constructor(options: AccessTokensOptions) {
    this.#options = options;
  }

  /**
   * What the token with this hash opens now.
   * @throws UnavailableError when auth cannot be asked, and has not said it a moment ago
   */
  async find(token_hash: string): Promise<Access | undefined> {
    const now = this.#options.clock();
    const known = this.#answers.get(token_hash);
    const { access } =
      known !== undefined && isWithin(known, now, BELIEVED_MS)
        ? known
        : await this.#askOnce(token_hash, known);
    return access !== undefined && this.#options.clock() < access.expires_at ? access : undefined;
  }

  /** Why `find` has just found nothing, as far as auth has said. */
  refusalOf(token_hash: string): AccessRefusal | undefined {
    const known = this.#answers.get(token_hash);
    if (known?.access === undefined) return known?.refusal;
    return { fault: "expired", client_name: known.access.client_name };
  }

  /** However many calls wait for the same answer, it is asked for once. */
  #askOnce(token_hash: string, known: Answer | undefined): Promise<Answer> {
    const asking = this.#asking.get(token_hash);
    if (asking !== undefined) return asking;
    const answer = this.#ask(token_hash, known).finally(() => this.#asking.delete(token_hash));
    this.#asking.set(token_hash, answer);
    return answer;
  }

  async #ask(token_hash: string, known: Answer | undefined): Promise<Answer> {
    const { ask, clock, log } = this.#options;
    const at = clock();
    try {
      const said = await ask(token_hash, AbortSignal.timeout(ASK_TIMEOUT_MS));
      const { access, refusal } = said;
      const answer = { access: access ?? undefined, refusal: refusal ?? undefined, at };
      if (this.#answers.size >= TOKENS_MAX) this.#answers.clear();
      this.#answers.set(token_hash, answer);
      return answer;
    } catch (cause) {
      if (known?.access !== undefined && isWithin(known, clock(), BELIEVED_ALONE_MS)) {
        log.debug("Auth cannot be asked about a token; what it said last holds", {
          why: messageOf(cause),
        });
        return known;
      }
      throw new UnavailableError(
        "Cannot check the access token: Luna's sign-in does not answer at the moment; try again",
        { cause, headers: { "Retry-After": "1" } },
      );
    }
  }
}

/** A clock that was set back makes nothing last longer. */
function isWithin({ at }: Answer, now: number, ms: number): boolean {
  return now >= at && now - at < ms;
}

/** Asks auth, with the token that opens this one question. */
export function askAuth(authUrl: string, checkToken: string): AccessTokensOptions["ask"] {
  return async (token_hash, signal) => {
    const answer = await fetch(`${authUrl}/oauth/access`, {
      method: "POST",
      headers: { Authorization: `Bearer ${checkToken}`, "Content-Type": "application/json" },
      body: JSON.stringify({ token_hash }),
      signal,
    });
    if (!answer.ok) throw new Error(`Auth said ${answer.status}`);
    return AccessAnswer.parse(await answer.json());
  };
}
