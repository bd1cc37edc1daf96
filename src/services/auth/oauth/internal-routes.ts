/** What MCP asks of the authorization server about tokens, and the command line about clients. */
import { Hono } from "hono";
import type { AuditTrail } from "../../../audit/trail.ts";
import { AccessQuestion, OAuthClientChoice } from "../../../contract/oauth.ts";
import { requireBearer } from "../../../lib/app.ts";
import { valid } from "../../../lib/valid.ts";
import { smallBody } from "../sign-in.ts";
import { clientList, removeClient } from "./account-routes.ts";
import type { OAuthParts } from "./parts.ts";

export interface OAuthInternalDependencies {
  oauth: OAuthParts;
  audit: Pick<AuditTrail, "record">;
  /** LUNA_AUTH_TOKEN. */
  token: string;
  /** LUNA_TOKEN_CHECK, which opens the one question and nothing else. */
  checkToken: string;
}

export function oauthInternalRoutes(dependencies: OAuthInternalDependencies) {
  const { oauth, audit, token, checkToken } = dependencies;
  const internal = requireBearer(token, "auth's internal endpoints");
  const check = requireBearer(checkToken, "auth's check of tokens");
  return new Hono()
    .post("/oauth/access", check, smallBody, valid("json", AccessQuestion), async (context) => {
      const { token_hash } = context.req.valid("json");
      return context.json(await oauth.grants.access(token_hash));
    })
    .get("/oauth/clients", internal, async (context) => context.json(await clientList(oauth)))
    .delete("/oauth/clients", internal, valid("query", OAuthClientChoice), async (context) => {
      const { client_id } = context.req.valid("query");
      const target = await removeClient(oauth, client_id);
      audit.record({
        actor: { kind: "local", name: "command line" },
        ...{ action: "oauth.remove", target, outcome: "ok", details: { client_id } },
      });
      return context.json({ success: true });
    });
}
