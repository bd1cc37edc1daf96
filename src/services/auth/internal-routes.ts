/** What the command line and the supervisor ask of auth, none of it reached from outside. */
import { Hono } from "hono";
import type { AuditTrail } from "../../audit/trail.ts";
import { type LivingSessions, PassphraseReset, SessionIds } from "../../contract/auth.ts";
import { requireBearer } from "../../lib/app.ts";
import { valid } from "../../lib/valid.ts";
import { changePassphrase } from "./account.ts";
import type { LoginLinks } from "./login-links.ts";
import { OWNER_ID } from "./owner.ts";
import type { Passphrases } from "./passphrases.ts";
import type { Sessions } from "./sessions.ts";
import { smallBody } from "./sign-in.ts";

export interface InternalDependencies {
  sessions: Sessions;
  links: LoginLinks;
  passphrases: Passphrases;
  audit: Pick<AuditTrail, "record">;
  /** LUNA_AUTH_TOKEN. */
  token: string;
}

export function internalRoutes(dependencies: InternalDependencies) {
  const { sessions, links, passphrases, token, audit } = dependencies;
  const internal = requireBearer(token, "auth's internal endpoints");
  return new Hono()
    .get("/living-sessions", internal, valid("query", SessionIds), async (context) => {
      const { ids } = context.req.valid("query");
      return context.json({ living: await sessions.living(ids) } satisfies LivingSessions);
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
