/** How long each kind of token lasts, how it looks, and what it is kept as. */
import { createHash, createHmac } from "node:crypto";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
/** Some people copy it by hand, out of the address that their browser could not open. */
export const CODE_LIFETIME_MS = 5 * MINUTE_MS;
export const ACCESS_LIFETIME_MS = HOUR_MS;
/** A client that does not come for as long signs in again. */
export const REFRESH_IDLE_MS = 90 * DAY_MS;
/** And after this long however often it comes. */
export const GRANT_LIFETIME_MS = 365 * DAY_MS;
/**
 * A refresh token that was used may come once more as long, and gets the very tokens' successor that it got: an answer
 * may be lost, and several processes of one client refresh at the same moment. Later it is a stolen one.
 */
export const REFRESH_GRACE_MS = 60_000;

/** So that scanners of leaked secrets, and people, know what it is. */
const PREFIXES = { code: "luna-code-", access: "luna-at-", refresh: "luna-rt-" } as const;
const SECRET = /^luna-(?:code|at|rt)-[A-Za-z0-9_-]{43}$/;

export type TokenKind = keyof typeof PREFIXES;

export function prefixOf(kind: TokenKind): string {
  return PREFIXES[kind];
}

/** Whatever looks different never reaches the database. */
export function looksLikeOAuthToken(text: string): boolean {
  return SECRET.test(text);
}

/**
 * The refresh token after `token`: always the same one, so that whoever repeats a request whose answer was lost gets
 * no second line of tokens, and known to nobody without the key.
 */
export function successorOf(token: string, key: string): string {
  return PREFIXES.refresh + createHmac("sha256", key).update(token).digest("base64url");
}

/** Whether `verifier` is what `challenge` was made of (RFC 7636, S256). */
export function isVerifierOf(verifier: string, challenge: string): boolean {
  return createHash("sha256").update(verifier).digest("base64url") === challenge;
}

/** SHA-256 in base64url. */
export const CHALLENGE = /^[A-Za-z0-9_-]{43}$/;
export const VERIFIER = /^[A-Za-z0-9._~-]{43,128}$/;
