/** The page token: what shows that a request comes from one of the Hub's own documents, not from an extension's on the same origin. */

/** Carries it: auth → Caddy → Hub when a document is asked for, browser → Caddy → auth with what the document's scripts ask. */
export const PAGE_HEADER = "X-Luna-Page";
/** The `name` of the document's meta element. */
export const PAGE_META = "luna-page";
/** The error's code when it is missing or another session's. */
export const PAGE_TOKEN_REQUIRED = "page_token_required";

/** 256 bits in base64url. */
export const PAGE_TOKEN = /^[A-Za-z0-9_-]{43}$/;

/**
 * What a row of the edge has to do with it.
 * - `issue`: a document that a person goes to gets it.
 * - `changes`: needed for whatever may change something.
 * - `always`: needed whatever the method, as the answer holds a secret.
 * - `none`: neither.
 */
export type PagePolicy = "issue" | "changes" | "always" | "none";
