/** Makes and checks page tokens: one for each session, derived and stored nowhere. */
import { createHmac } from "node:crypto";
import { PAGE_HEADER, PAGE_TOKEN_REQUIRED } from "../../contract/page-token.ts";
import { ForbiddenError } from "../../lib/errors.ts";
import { deriveSecret, sameSecret } from "../../lib/secret.ts";

/**
 * Whether a browser goes to a document of its own window. Scripts can neither set nor change `Sec-Fetch-*`
 * (Fetch, "forbidden request-header"); a fetch, a frame, an object and a worker each have another destination. What
 * is only fetched ahead may be for anyone, and a browser that sends none of these headers gets no token.
 */
export function isOwnDocument(method: string, headers: Headers): boolean {
  return (
    method === "GET" &&
    headers.get("Sec-Fetch-Dest") === "document" &&
    headers.get("Sec-Fetch-Mode") === "navigate" &&
    !headers.has("Sec-Purpose") &&
    !headers.has("Purpose") &&
    !headers.has("Service-Worker-Navigation-Preload")
  );
}

export class PageTokens {
  readonly #key: string;

  /** @param token what auth derives its keys from */
  constructor(token: string) {
    this.#key = deriveSecret(token, "page token");
  }

  /** The page token of the session whose own token is `session`. */
  of(session: string): string {
    return createHmac("sha256", this.#key).update(session).digest("base64url");
  }

  /** @throws ForbiddenError unless the request has the page token of `session` */
  require(session: string, headers: Headers): void {
    if (sameSecret(headers.get(PAGE_HEADER) ?? "", this.of(session))) return;
    throw new ForbiddenError(
      "Cannot do this from here: only the Hub's own pages may; reload the Hub, or use a key where keys are taken",
      { code: PAGE_TOKEN_REQUIRED },
    );
  }
}
