/** The public half of auth, `/auth/*`: signing in, signing out, and who is signed in. */
import { type Context, Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import { createMiddleware } from "hono/factory";
import type { AuditTrail } from "../../audit/trail.ts";
import type { AuditRecord } from "../../contract/audit.ts";
import { LinkSignIn, type Me, type SignInMethods } from "../../contract/auth.ts";
import { clientAddress } from "../../lib/client-address.ts";
import { ForbiddenError, LunaError, TooManyError, UnauthorizedError } from "../../lib/errors.ts";
import type { Logger } from "../../lib/log.ts";
import { valid } from "../../lib/valid.ts";
import type { AttemptLimit } from "./attempt-limit.ts";
import type { LoginLinks } from "./login-links.ts";
import { refusalOf } from "./request-origin.ts";
import { signInAddress } from "./return-to.ts";
import { clearSessionCookie, readSessionCookie, setSessionCookie } from "./session-cookie.ts";
import type { Session, Sessions } from "./sessions.ts";
import type { SignInMethod } from "./sign-in-method.ts";

export interface SignInDependencies {
  sessions: Sessions;
  links: LoginLinks;
  attempts: AttemptLimit;
  audit: Pick<AuditTrail, "record">;
  log: Logger;
}

const BODY_BYTES_MAX = 4096;

const METHODS = { link: true, github: false } satisfies SignInMethods;

const smallBody = bodyLimit({
  maxSize: BODY_BYTES_MAX,
  onError: () => {
    const kind = { code: "too_large", status: 413 };
    throw new LunaError(kind, `Cannot read a body of more than ${BODY_BYTES_MAX} bytes`, {});
  },
});

/** Lets only this Luna's own pages, and programs without a cookie, pass. */
const ownPagesOnly = createMiddleware(async (context, next) => {
  const { method, raw } = context.req;
  const hasCookie = readSessionCookie(context) !== undefined;
  const refusal = refusalOf({ method, headers: raw.headers, hasCookie });
  if (refusal !== undefined) throw new ForbiddenError(refusal);
  await next();
});

/** Attempts that did not come through the edge are counted together. */
function addressOf(context: Context): string {
  return clientAddress(context.req) ?? "local";
}

async function sessionOf(context: Context, sessions: Sessions): Promise<Session | undefined> {
  const token = readSessionCookie(context);
  return token === undefined ? undefined : sessions.find(token);
}

/** Refuses more failed attempts than the limit allows; whoever is signed in already is not limited. */
function limitAttempts({ attempts, sessions, audit }: SignInDependencies) {
  return createMiddleware(async (context, next) => {
    const address = addressOf(context);
    const waitMs = attempts.take(address);
    if (waitMs > 0 && (await sessionOf(context, sessions)) === undefined) {
      const seconds = Math.ceil(waitMs / 1000);
      context.header("Retry-After", String(seconds));
      audit.record(refusedSignIn(context, { reason: "too_many_attempts" }));
      throw new TooManyError(
        `Cannot sign in now: too many attempts have failed; try again in ${seconds} s`,
        { details: { retry_after_s: seconds } },
      );
    }
    await next();
    if (waitMs === 0 && context.res.ok) attempts.giveBack(address);
  });
}

function refusedSignIn(context: Context, details: Record<string, string>): AuditRecord {
  return {
    actor: { kind: "anonymous", name: "" },
    ...{ action: "sign_in", outcome: "refused", address: clientAddress(context.req), details },
  };
}

interface SignInAttempt<Proof> {
  method: SignInMethod<Proof>;
  proof: Proof;
  /** What the person is told when the proof proves nobody. */
  refusal: string;
}

/** What all ways of signing in have in common: a proof goes in, a session and its cookie come out. */
async function signIn<Proof>(
  context: Context,
  { sessions, audit, log }: SignInDependencies,
  { method, proof, refusal }: SignInAttempt<Proof>,
): Promise<void> {
  const facts = { method: method.name, address: addressOf(context) };
  const user_id = await method.identify(proof);
  if (user_id === undefined) {
    log.warn("A sign-in was refused", facts);
    audit.record(refusedSignIn(context, { method: method.name }));
    throw new UnauthorizedError(refusal);
  }
  setSessionCookie(context, await sessions.start(user_id, method.name));
  log.info("Somebody signed in", { ...facts, user_id });
  audit.record({
    actor: { kind: "owner", name: user_id },
    ...{ action: "sign_in", outcome: "ok", address: clientAddress(context.req) },
    details: { method: method.name },
  });
}

const LINK_REFUSAL =
  'Cannot sign in with this link: it has expired or was used already; make a new one with "luna login-link"';

export function signInRoutes(dependencies: SignInDependencies) {
  const { sessions, links, audit, log } = dependencies;
  return new Hono()
    .get("/auth/me", async (context) => {
      const session = await sessionOf(context, sessions);
      if (session === undefined) throw new UnauthorizedError("Not signed in");
      const { username, method, created_at } = session;
      const signed_in_at = new Date(created_at).toISOString();
      return context.json({ authenticated: true, username, method, signed_in_at } satisfies Me);
    })
    .get("/auth/methods", (context) => context.json(METHODS))
    .get("/auth/login", (context) => context.redirect(signInAddress(context.req.query("returnTo"))))
    .post(
      "/auth/link",
      ownPagesOnly,
      limitAttempts(dependencies),
      smallBody,
      valid("json", LinkSignIn),
      async (context) => {
        const { token } = context.req.valid("json");
        const attempt = { method: links, proof: token, refusal: LINK_REFUSAL };
        await signIn(context, dependencies, attempt);
        return context.json({ success: true });
      },
    )
    .post("/auth/logout", ownPagesOnly, async (context) => {
      const token = readSessionCookie(context);
      if (token !== undefined) {
        const session = await sessions.find(token);
        await sessions.end(token);
        log.info("Somebody signed out");
        if (session !== undefined) {
          audit.record({
            actor: { kind: "owner", name: session.username },
            ...{ action: "sign_out", outcome: "ok", address: clientAddress(context.req) },
          });
        }
      }
      clearSessionCookie(context);
      return context.json({ success: true });
    });
}
