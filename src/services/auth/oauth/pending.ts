/** Requests of clients that the owner is being asked about: for one session, once, and not for long. */
import { generateSecret, hashSecret } from "../../../lib/secret.ts";
import type { OAuthClient } from "./clients.ts";
import type { OAuthError } from "./oauth-error.ts";

/** Time to read, and to think about it. */
export const PENDING_LIFETIME_MS = 10 * 60_000;
/** Only the owner can begin one, so there are few; beyond this the oldest is forgotten. */
const PENDING_MAX = 100;

/** What a client asks for, checked. */
export interface PendingRequest {
  client: OAuthClient;
  redirect_uri: string;
  state: string | undefined;
  scope: string;
  resource: string | null;
  challenge: string;
  /** By the name that the browser has for this Luna. */
  issuer: string;
  /** Why it cannot be granted; then the owner can only go back. */
  fault: OAuthError | undefined;
}

/** In memory: who is asked while Luna restarts begins again. */
export class PendingRequests {
  readonly #clock: () => number;
  readonly #requests = new Map<
    string,
    { request: PendingRequest; session: string; until: number }
  >();

  constructor(clock: () => number) {
    this.#clock = clock;
  }

  /** @returns its id, which nobody but the session that began it can do anything with */
  begin(request: PendingRequest, session: string): string {
    const id = generateSecret();
    this.#requests.set(hashSecret(id), {
      ...{ request, session },
      until: this.#clock() + PENDING_LIFETIME_MS,
    });
    const [oldest] = this.#requests.keys();
    if (this.#requests.size > PENDING_MAX && oldest !== undefined) this.#requests.delete(oldest);
    return id;
  }

  /** The request, as long as it is this session's and was not decided. */
  find(id: string, session: string): PendingRequest | undefined {
    const found = this.#requests.get(hashSecret(id));
    return found !== undefined && found.session === session && this.#clock() < found.until
      ? found.request
      : undefined;
  }

  /** The same, and nobody finds it again. */
  take(id: string, session: string): PendingRequest | undefined {
    const request = this.find(id, session);
    if (request !== undefined) this.#requests.delete(hashSecret(id));
    return request;
  }
}
