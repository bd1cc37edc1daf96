/** The internal half of auth: Caddy asks whether a request may pass, and the command line for sign-in links. */
import { Hono } from "hono";
import { requireBearer } from "../../lib/app.ts";
import { assertionKey, signAssertion } from "../../lib/assertion.ts";
import { ForbiddenError, UnauthorizedError } from "../../lib/errors.ts";
import type { LoginLinks } from "./login-links.ts";
import { OWNER_ID } from "./owner.ts";
import { refusalOf } from "./request-origin.ts";
import { signInAddress } from "./return-to.ts";
import { readSessionCookie } from "./session-cookie.ts";
import type { Sessions } from "./sessions.ts";

export interface EdgeDependencies {
  sessions: Sessions;
  links: LoginLinks;
  /** LUNA_AUTH_TOKEN. */
  token: string;
  /** Milliseconds since 1970. */
  clock: () => number;
}

/** Programs read answers of `/api`; a page of ours would read the sign-in page as one. */
const API = /^\/api(?:[/?]|$)/;

/** Whether a person waits for a page. `Sec-Fetch-Mode` says so; older browsers are known by what they accept. */
function isNavigation(method: string, headers: Headers): boolean {
  const mode = headers.get("Sec-Fetch-Mode");
  if (mode !== null) return mode === "navigate";
  return method === "GET" && (headers.get("Accept") ?? "").includes("text/html");
}

export function edgeRoutes({ sessions, links, token, clock }: EdgeDependencies) {
  const internal = requireBearer(token, "auth's internal endpoints");
  const key = assertionKey(token);
  return new Hono()
    .get("/verify", internal, async (context) => {
      const { headers } = context.req.raw;
      // A request without its method is treated as one that changes something.
      const method = headers.get("X-Forwarded-Method") ?? "";
      const cookie = readSessionCookie(context);
      const refusal = refusalOf({ method, headers, hasCookie: cookie !== undefined });
      if (refusal !== undefined) throw new ForbiddenError(refusal);
      const session = cookie === undefined ? undefined : await sessions.find(cookie);
      if (session === undefined) {
        const uri = headers.get("X-Forwarded-Uri") ?? "/";
        if (!API.test(uri) && isNavigation(method, headers)) {
          return context.redirect(signInAddress(uri));
        }
        throw new UnauthorizedError("Cannot pass without a session: sign in first");
      }
      const who = { subject: session.user_id, name: session.username };
      context.header("X-Luna-Identity", signAssertion(who, { key, now: clock() }));
      return context.body(null, 204);
    })
    .post("/login-links", internal, async (context) => context.json(await links.create(OWNER_ID)));
}
