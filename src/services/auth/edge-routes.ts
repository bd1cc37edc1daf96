/** The internal half of auth: Caddy asks whether a request may pass, and the command line for sign-in links and a new passphrase. */
import { type Context, Hono } from "hono";
import type { AuditTrail } from "../../audit/trail.ts";
import { PassphraseReset } from "../../contract/auth.ts";
import { requireBearer } from "../../lib/app.ts";
import { assertionKey, signAssertion } from "../../lib/assertion.ts";
import { ForbiddenError, NotFoundError, UnauthorizedError } from "../../lib/errors.ts";
import { valid } from "../../lib/valid.ts";
import { changePassphrase } from "./account.ts";
import type { LoginLinks } from "./login-links.ts";
import { OWNER_ID } from "./owner.ts";
import type { Passphrases } from "./passphrases.ts";
import { refusalOf } from "./request-origin.ts";
import { signInAddress } from "./return-to.ts";
import type { RoutedPaths } from "./routed-paths.ts";
import { routedTarget } from "./routed-target.ts";
import { readSessionCookie } from "./session-cookie.ts";
import type { Sessions } from "./sessions.ts";
import { smallBody } from "./sign-in.ts";
import { isNavigation } from "./visitor.ts";

export interface EdgeDependencies {
  sessions: Sessions;
  links: LoginLinks;
  passphrases: Passphrases;
  paths: RoutedPaths;
  audit: Pick<AuditTrail, "record">;
  /** LUNA_AUTH_TOKEN. */
  token: string;
  /** Milliseconds since 1970. */
  clock: () => number;
}

/** Programs read answers of `/api`; a page of ours would read the sign-in page as one. */
const API = /^\/api(?:[/?]|$)/;

/** The path and query that the browser asked for. */
function publicUri(context: Context): string {
  return context.req.header("X-Forwarded-Uri") ?? "/";
}

/** Tells Caddy that the path stays whole; a header that is missing or empty would be refused. */
const NO_PREFIX = "-";

export function edgeRoutes(dependencies: EdgeDependencies) {
  const { sessions, links, passphrases, paths, token, clock, audit } = dependencies;
  const internal = requireBearer(token, "auth's internal endpoints");
  const key = assertionKey(token);

  /**
   * States in the answer who is asking; returns an answer only when that one has to sign in first.
   * @throws ForbiddenError, UnauthorizedError
   */
  const identify = async (context: Context): Promise<Response | undefined> => {
    const { headers } = context.req.raw;
    // A request without its method is treated as one that changes something.
    const method = headers.get("X-Forwarded-Method") ?? "";
    const cookie = readSessionCookie(context);
    const refusal = refusalOf({ method, headers, hasCookie: cookie !== undefined });
    if (refusal !== undefined) throw new ForbiddenError(refusal);
    const session = cookie === undefined ? undefined : await sessions.find(cookie);
    if (session === undefined) {
      const uri = publicUri(context);
      if (!API.test(uri) && isNavigation(method, headers)) {
        return context.redirect(signInAddress(uri));
      }
      throw new UnauthorizedError(
        "Cannot pass without a session: sign in first, or where keys are taken send one as a bearer token",
      );
    }
    const who = { subject: session.user_id, name: session.username };
    context.header("X-Luna-Identity", signAssertion(who, { key, now: clock() }));
    return undefined;
  };

  return new Hono()
    .get(
      "/verify",
      internal,
      async (context) => (await identify(context)) ?? context.body(null, 204),
    )
    .get("/route", internal, async (context) => {
      const uri = publicUri(context);
      const target = routedTarget(uri, await paths.read());
      const unknown = () =>
        new NotFoundError("No extension serves this path; it may be misspelled");
      // Before the session: a program with a key and a misspelled address is not told to sign in.
      if (target.kind === "unknown" && API.test(uri)) throw unknown();
      const refusal = await identify(context);
      if (refusal !== undefined) return refusal;
      switch (target.kind) {
        case "unknown":
          throw unknown();
        case "redirect":
          return context.redirect(target.location, 308);
        case "upstream":
          context.header("X-Luna-Upstream", `127.0.0.1:${target.port}`);
          context.header("X-Luna-Prefix", target.prefix ?? NO_PREFIX);
          return context.body(null, 204);
      }
    })
    .post("/login-links", internal, async (context) => context.json(await links.create(OWNER_ID)))
    .put("/passphrase", internal, smallBody, valid("json", PassphraseReset), async (context) => {
      const { passphrase } = context.req.valid("json");
      const ended = await changePassphrase(
        { passphrases, sessions },
        { user_id: OWNER_ID, passphrase },
      );
      audit.record({
        actor: { kind: "local", name: "command line" },
        ...{ action: passphrase === null ? "passphrase.remove" : "passphrase.set", outcome: "ok" },
        details: { ended },
      });
      return context.json({ ended });
    });
}
