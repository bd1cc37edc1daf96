/** What belongs to the signed-in owner, and what a change of it ends. */
import type { Context } from "hono";
import { createMiddleware } from "hono/factory";
import type { AuditTrail } from "../../audit/trail.ts";
import type { AuditRecord } from "../../contract/audit.ts";
import { clientAddress } from "../../lib/client-address.ts";
import { UnauthorizedError } from "../../lib/errors.ts";
import type { Passphrases } from "./passphrases.ts";
import type { Session, Sessions } from "./sessions.ts";
import { ownerOf, sessionOf } from "./sign-in.ts";

export interface SignedIn {
  Variables: { session: Session };
}

/** Lets only who is signed in pass, and hands their session on. */
export function requireSession(sessions: Sessions) {
  return createMiddleware<SignedIn>(async (context, next) => {
    const session = await sessionOf(context, sessions);
    if (session === undefined) throw new UnauthorizedError("Not signed in");
    context.set("session", session);
    await next();
  });
}

type Change = Pick<AuditRecord, "action"> &
  Partial<Pick<AuditRecord, "target" | "details" | "outcome">>;

/** Returns the function that tells the audit log what the owner has changed. */
export function noteWith(audit: Pick<AuditTrail, "record">) {
  return ({ req, get }: Context<SignedIn>, what: Change): void =>
    audit.record({
      ...{ actor: ownerOf(get("session")), address: clientAddress(req) },
      ...{ outcome: "ok", ...what },
    });
}

interface PassphraseParts {
  passphrases: Passphrases;
  sessions: Sessions;
}

interface NewPassphrase {
  user_id: string;
  /** null removes it. */
  passphrase: string | null;
  /** The session that asks, which goes on; the command line has none. */
  current?: Session;
}

/**
 * Sets or removes a passphrase; what others signed in to with the old one ends.
 * @returns how many sessions ended
 * @throws InvalidInputError when it is too easy to guess
 */
export async function changePassphrase(
  { passphrases, sessions }: PassphraseParts,
  { user_id, passphrase, current }: NewPassphrase,
): Promise<number> {
  if (passphrase === null) await passphrases.remove(user_id);
  else await passphrases.set({ user_id, passphrase });
  return sessions.revokeOthers(user_id, current, { method: "passphrase" });
}
