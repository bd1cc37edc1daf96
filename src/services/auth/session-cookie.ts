/** The session's cookie, and its name where the public side is https. */
import type { Context } from "hono";
import { deleteCookie, getCookie, setCookie } from "hono/cookie";
import { SESSION_COOKIE } from "../../contract/auth.ts";
import { SESSION_LIFETIME_MS } from "./sessions.ts";

/** `__Host-` makes browsers insist on Secure, Path=/ and no Domain, so no neighbour can plant one; it needs https. */
export function prefixFor(context: Context): "host" | undefined {
  return context.req.header("X-Forwarded-Proto") === "https" ? "host" : undefined;
}

/** The token in the cookie that belongs to the public side's scheme. */
export function readSessionCookie(context: Context): string | undefined {
  return getCookie(context, SESSION_COOKIE, prefixFor(context));
}

/** The cookie outlives a quiet session on purpose: when a session ends is decided by the server. */
export function setSessionCookie(context: Context, token: string): void {
  const prefix = prefixFor(context);
  setCookie(context, SESSION_COOKIE, token, {
    path: "/",
    httpOnly: true,
    sameSite: "Lax",
    maxAge: SESSION_LIFETIME_MS / 1000,
    ...(prefix === undefined ? {} : { prefix }),
  });
}

export function clearSessionCookie(context: Context): void {
  const prefix = prefixFor(context);
  deleteCookie(context, SESSION_COOKIE, {
    path: "/",
    httpOnly: true,
    sameSite: "Lax",
    ...(prefix === undefined ? {} : { prefix }),
  });
}
