/** The account of who is signed in, `/auth/account/*`: sessions, GitHub accounts and passphrase. */
import { type Context, Hono } from "hono";
import type { AuditTrail } from "../../audit/trail.ts";
import {
  type GithubAccountView,
  PassphraseChange,
  PassphraseRemoval,
  type PassphraseView,
  type SessionView,
} from "../../contract/auth.ts";
import { ForbiddenError, NotFoundError } from "../../lib/errors.ts";
import { valid } from "../../lib/valid.ts";
import { changePassphrase, noteWith, requireSession, type SignedIn } from "./account.ts";
import type { GithubAccounts } from "./github-accounts.ts";
import type { Passphrases } from "./passphrases.ts";
import type { Session, Sessions } from "./sessions.ts";
import { ownPagesOnly, smallBody } from "./sign-in.ts";

export interface AccountDependencies {
  sessions: Sessions;
  passphrases: Passphrases;
  github: { accounts: GithubAccounts };
  audit: Pick<AuditTrail, "record">;
}

/** At most as large as JavaScript counts exactly. */
const GITHUB_ID = /^[1-9]\d{0,14}$/;

/** Whether `typed` is the passphrase of who is signed in, or there is none. */
async function isConfirmed(
  passphrases: Passphrases,
  { user_id, id }: Session,
  typed: string | undefined,
): Promise<boolean> {
  if ((await passphrases.changedAt(user_id)) === undefined) return true;
  if (typed === undefined) return false;
  const proof = { user_id, passphrase: typed, guesser: `session ${id}` };
  return (await passphrases.identify(proof)) !== undefined;
}

const WRONG_PASSPHRASE =
  'Cannot change the passphrase: the current one is missing or wrong; who has forgotten it runs "luna passphrase" on the computer where Luna runs';

export function accountRoutes(dependencies: AccountDependencies) {
  const { sessions, passphrases, github } = dependencies;
  const note = noteWith(dependencies.audit);
  const change = async (
    context: Context<SignedIn>,
    typed: string | undefined,
    passphrase: string | null,
  ): Promise<number> => {
    const session = context.get("session");
    const action = passphrase === null ? "passphrase.remove" : "passphrase.set";
    if (!(await isConfirmed(passphrases, session, typed))) {
      note(context, { action, outcome: "refused" });
      throw new ForbiddenError(WRONG_PASSPHRASE, { code: "wrong_passphrase" });
    }
    const { user_id } = session;
    const ended = await changePassphrase(dependencies, { user_id, passphrase, current: session });
    note(context, { action, details: { ended } });
    return ended;
  };
  return new Hono()
    .basePath("/auth/account")
    .use(requireSession(sessions), ownPagesOnly)
    .get("/sessions", async (context) => {
      const session = context.get("session");
      const list: SessionView[] = await sessions.list(session.user_id, session);
      return context.json({ sessions: list });
    })
    .delete("/sessions", async (context) => {
      const session = context.get("session");
      const ended = await sessions.revokeOthers(session.user_id, session);
      note(context, { action: "session.revoke", target: "all others", details: { ended } });
      return context.json({ ended });
    })
    .delete("/sessions/:id", async (context) => {
      const { user_id } = context.get("session");
      const id = context.req.param("id");
      if (!(await sessions.revoke(user_id, id))) {
        throw new NotFoundError("Cannot end this session: there is none of that id any more");
      }
      note(context, { action: "session.revoke", target: id });
      return context.json({ ended: 1 });
    })
    .get("/github", async (context) => {
      const accounts: GithubAccountView[] = await github.accounts.list();
      return context.json({ accounts });
    })
    .delete("/github/:id", async (context) => {
      const id = context.req.param("id");
      const github_id = GITHUB_ID.test(id) ? Number(id) : 0;
      if (!(await github.accounts.forget(github_id))) {
        throw new NotFoundError("Cannot forget this GitHub account: there is none of that id");
      }
      // The database has ended its sessions; this tells the process, which knows them for a moment longer.
      const { user_id } = context.get("session");
      await sessions.revokeOthers(user_id, undefined, { github_id });
      note(context, { action: "github.forget", target: id });
      return context.json({ success: true });
    })
    .get("/passphrase", async (context) => {
      const changedAt = await passphrases.changedAt(context.get("session").user_id);
      const changed_at = changedAt === undefined ? null : new Date(changedAt).toISOString();
      return context.json({ changed_at } satisfies PassphraseView);
    })
    .put("/passphrase", smallBody, valid("json", PassphraseChange), async (context) => {
      const { current, passphrase } = context.req.valid("json");
      return context.json({ ended: await change(context, current, passphrase) });
    })
    .delete("/passphrase", smallBody, valid("json", PassphraseRemoval), async (context) => {
      const { current } = context.req.valid("json");
      return context.json({ ended: await change(context, current, null) });
    });
}
