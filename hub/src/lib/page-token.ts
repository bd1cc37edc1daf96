/** This document's page token, without which Luna lets no page change anything (src/contract/page-token.ts). */
import { PAGE_HEADER, PAGE_META } from "../../../src/contract/page-token.ts";

const RELOADED_KEY = "luna.reloaded-for-token";
/** A second reload within this time would bring no token either. */
const RELOAD_INTERVAL_MS = 60_000;

/** `headers`, and the page token if this document has one: /login does not, as nobody is signed in there. */
export function withPageToken(headers: HeadersInit | undefined): Headers {
  const all = new Headers(headers);
  const token = document.querySelector<HTMLMetaElement>(`meta[name="${PAGE_META}"]`)?.content;
  if (token !== undefined) all.set(PAGE_HEADER, token);
  return all;
}

/** Gets a document with the token of who is signed in now; once, as some browsers may never get one. */
export function reloadForToken(): void {
  try {
    const reloadedAt = Number(sessionStorage.getItem(RELOADED_KEY));
    if (Date.now() - reloadedAt < RELOAD_INTERVAL_MS) return;
    sessionStorage.setItem(RELOADED_KEY, String(Date.now()));
  } catch {
    return; // Storage is blocked: nobody could tell how often. The error itself says to reload.
  }
  location.reload();
}
