/** Whether a request that changes something comes from this Luna's own pages: the defence against foreign ones (CSRF). */
import { isOwnOrigin } from "../../lib/own-origin.ts";

/** Methods that change nothing (RFC 9110, 9.2.1). Any other one, also one that nobody knows, does. */
const SAFE_METHODS: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS"]);
export function changesSomething(method: string): boolean {
  return !SAFE_METHODS.has(method);
}

interface RequestFacts {
  /** The method that the browser used. */
  method: string;
  headers: Headers;
  /** Whether a session cookie came along. */
  hasCookie: boolean;
}

function isWebSocket(headers: Headers): boolean {
  return (
    headers.get("Upgrade")?.toLowerCase() === "websocket" ||
    headers.has("Sec-WebSocket-Key") ||
    headers.get("Sec-Fetch-Mode") === "websocket"
  );
}

/**
 * Why a request must be refused, for a person; undefined when it may go on.
 *
 * Looked at: every method that changes something, and WebSocket upgrades, as a browser lets any page open
 * one with cookies. `Sec-Fetch-Site` must be `same-origin` or `none` and `Origin` must be the public host,
 * where present. All current browsers send at least one of the two, so a session cookie with neither
 * is not a page of ours; a program without a cookie has nothing that a foreign page could borrow.
 */
export function refusalOf({ method, headers, hasCookie }: RequestFacts): string | undefined {
  if (!changesSomething(method) && !isWebSocket(headers)) return undefined;
  const site = headers.get("Sec-Fetch-Site");
  const origin = headers.get("Origin");
  if (site !== null && site !== "same-origin" && site !== "none") {
    return "Cannot accept this request: it comes from another site's page, not from Luna's own";
  }
  if (origin !== null && !isOwnOrigin(origin, headers)) {
    return `Cannot accept this request: its Origin is not this Luna's own address; open Luna at one address and stay there`;
  }
  if (site === null && origin === null && hasCookie) {
    return "Cannot accept this request: it has a session but neither Origin nor Sec-Fetch-Site, which every current browser sends; programs use a key";
  }
  return undefined;
}
