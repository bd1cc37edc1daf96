/** What all ways of signing in have in common: who may try, how often, and the session that comes out. */
import type { Context } from "hono";
import { bodyLimit } from "hono/body-limit";
import { createMiddleware } from "hono/factory";
import type { AuditTrail } from "../../audit/trail.ts";
import { type AuditActor, type AuditRecord, STRANGER } from "../../contract/audit.ts";
import { clientAddress } from "../../lib/client-address.ts";
import { ForbiddenError, LunaError } from "../../lib/errors.ts";
import type { Logger } from "../../lib/log.ts";
import type { AttemptLimit } from "./attempt-limit.ts";
import { refusalOf } from "./request-origin.ts";
import { readSessionCookie, setSessionCookie } from "./session-cookie.ts";
import type { Session, Sessions } from "./sessions.ts";
import type { SignInMethod } from "./sign-in-method.ts";
import { tooMany } from "./too-many.ts";
import { networkOf, visitorOf } from "./visitor.ts";

export interface SignInParts {
  sessions: Sessions;
  attempts: AttemptLimit;
  audit: Pick<AuditTrail, "record">;
  log: Logger;
}

/** A passkey's answer takes a few kilobytes; nothing else takes as much. */
const BODY_BYTES_MAX = 16 * 1024;

export const smallBody = bodyLimit({
  maxSize: BODY_BYTES_MAX,
  onError: () => {
    const kind = { code: "too_large", status: 413 };
    throw new LunaError(kind, `Cannot read a body of more than ${BODY_BYTES_MAX} bytes`, {});
  },
});

/** Lets only this Luna's own pages, and programs without a cookie, pass. */
export const ownPagesOnly = createMiddleware(async (context, next) => {
  const { method, raw } = context.req;
  const hasCookie = readSessionCookie(context) !== undefined;
  const refusal = refusalOf({ method, headers: raw.headers, hasCookie });
  if (refusal !== undefined) throw new ForbiddenError(refusal);
  await next();
});

export async function sessionOf(
  context: Context,
  sessions: Sessions,
): Promise<Session | undefined> {
  const token = readSessionCookie(context);
  return token === undefined ? undefined : sessions.find(token);
}

/** What the audit log knows of who owns a session. */
export function ownerOf({ username }: Pick<Session, "username">): AuditActor {
  return { kind: "owner", name: username };
}

/** Attempts that did not come through the edge are counted together. */
const NO_ADDRESS = "local";

export function refusedSignIn(context: Context, details: Record<string, string>): AuditRecord {
  return {
    actor: STRANGER,
    ...{ action: "sign_in", outcome: "refused", address: clientAddress(context.req), details },
  };
}

/**
 * Takes one attempt of who asks; whoever is signed in already is not limited.
 * @returns how to give it back, as only failures count
 * @throws TooManyError when too many have failed
 */
export async function takeAttempt(
  context: Context,
  { attempts, sessions, audit }: SignInParts,
): Promise<() => void> {
  const network = networkOf(clientAddress(context.req) ?? NO_ADDRESS);
  const waitMs = attempts.take(network);
  if (waitMs === 0) return () => attempts.giveBack(network);
  if ((await sessionOf(context, sessions)) !== undefined) return () => undefined;
  audit.record(refusedSignIn(context, { reason: "too_many_attempts" }));
  throw tooMany("sign in now: too many attempts have failed", waitMs);
}

/** Refuses more failed attempts than the limit allows, before the request's body is looked at. */
export function limitAttempts(parts: SignInParts) {
  return createMiddleware(async (context, next) => {
    const giveBack = await takeAttempt(context, parts);
    await next();
    if (context.res.ok) giveBack();
  });
}

interface SignInAttempt<Proof> {
  method: SignInMethod<Proof>;
  proof: Proof;
  /** What the person is told when the proof proves nobody. */
  refusal: () => LunaError;
  /** Who it was that was refused, for the audit log. */
  details?: Record<string, string>;
}

/**
 * A proof goes in, a new session and its cookie come out; the session that this browser had before ends, so
 * a token that somebody planted there is worth nothing.
 * @throws the refusal
 */
export async function signIn<Proof>(
  context: Context,
  { sessions, audit, log }: SignInParts,
  { method, proof, refusal, details }: SignInAttempt<Proof>,
): Promise<void> {
  const visitor = visitorOf(context);
  const facts = { method: method.name, address: visitor.address };
  const identity = await method.identify(proof);
  if (identity === undefined) {
    log.warn("A sign-in was refused", facts);
    audit.record(refusedSignIn(context, { method: method.name, ...details }));
    throw refusal();
  }
  const before = readSessionCookie(context);
  setSessionCookie(context, await sessions.start(identity, { method: method.name, ...visitor }));
  if (before !== undefined) await sessions.end(before);
  log.info("Somebody signed in", { ...facts, user_id: identity.user_id });
  audit.record({
    actor: { kind: "owner", name: identity.username ?? identity.user_id },
    ...{ action: "sign_in", outcome: "ok", address: visitor.address },
    details: { method: method.name },
  });
}
