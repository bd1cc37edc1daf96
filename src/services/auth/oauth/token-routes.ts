/** `/api/token` and `/api/revoke`: codes and refresh tokens become tokens, and tokens end (OAuth 2.1, 3.2; RFC 7009). */
import { type Context, Hono } from "hono";
import type { AuditTrail } from "../../../audit/trail.ts";
import { STRANGER } from "../../../contract/audit.ts";
import { clientAddress } from "../../../lib/client-address.ts";
import { LunaError, messageOf } from "../../../lib/errors.ts";
import { valid } from "../../../lib/valid.ts";
import { smallBody } from "../sign-in.ts";
import { authenticate } from "./client-auth.ts";
import type { OAuthClient } from "./clients.ts";
import type { Issued } from "./grants.ts";
import { anyOrigin, preflight } from "./metadata-routes.ts";
import { onOAuthError } from "./oauth-error.ts";
import type { OAuthDependencies } from "./parts.ts";
import { Client, Text, TokenExchange, TokenForm } from "./token-exchange.ts";
import { looksLikeOAuthToken } from "./token-kinds.ts";

const RevocationForm = Client.extend({ token: Text });

function answerOf({ access_token, expires_in, refresh_token, scope }: Issued) {
  return {
    ...{ access_token, token_type: "Bearer" as const, expires_in },
    ...(refresh_token === undefined ? {} : { refresh_token }),
    ...(scope === "" ? {} : { scope }),
  };
}

interface Note {
  action: string;
  client: OAuthClient | undefined;
  details: Record<string, string>;
  /** Why it was refused. */
  reason?: string;
}

function noteOf(audit: Pick<AuditTrail, "record">) {
  return ({ req }: Context, { action, client, details, reason }: Note): void =>
    audit.record({
      actor: client === undefined ? STRANGER : { kind: "client", name: client.name },
      ...{ action, outcome: reason === undefined ? "ok" : "refused" },
      ...{ target: client?.name ?? null, address: clientAddress(req) },
      details: reason === undefined ? details : { ...details, reason },
    });
}

export function tokenRoutes(dependencies: OAuthDependencies) {
  const { oauth, audit, log } = dependencies;
  const { clients, grants, limits } = oauth;
  const exchange = new TokenExchange({ ...oauth, publicUrl: dependencies.publicUrl });
  const note = noteOf(audit);
  return new Hono()
    .onError(onOAuthError(log))
    .use("/api/token", anyOrigin)
    .use("/api/revoke", anyOrigin)
    .options("/api/token", preflight)
    .options("/api/revoke", preflight)
    .post("/api/token", limits.asking(), smallBody, valid("form", TokenForm), async (context) => {
      const form = context.req.valid("form");
      const details = { grant_type: form.grant_type, client_id: form.client_id ?? "" };
      let client: OAuthClient | undefined;
      try {
        client = await authenticate(context.req.header("Authorization"), form, clients);
        const issued = await exchange.issue({ form, client });
        note(context, { action: "oauth.token", client, details });
        context.header("Pragma", "no-cache");
        return context.json(answerOf(issued));
      } catch (error) {
        if (error instanceof LunaError) {
          const reason = messageOf(error);
          note(context, { action: "oauth.token", client, details, reason });
        }
        throw error;
      }
    })
    .post(
      "/api/revoke",
      limits.asking(),
      smallBody,
      valid("form", RevocationForm),
      async (context) => {
        const form = context.req.valid("form");
        const client = await authenticate(context.req.header("Authorization"), form, clients);
        const found = looksLikeOAuthToken(form.token) ? await grants.find(form.token) : undefined;
        // What is unknown, or another's, is answered as what is gone (RFC 7009, 2.2).
        if (found === undefined || found.grant.client_id !== client.id)
          return context.body(null, 200);
        if (found.kind === "access") await grants.removeToken(found.token_hash);
        else await grants.revoke(found.grant.id);
        note(context, {
          ...{ action: "oauth.revoke", client },
          details: { client_id: client.id, kind: found.kind },
        });
        return context.body(null, 200);
      },
    );
}
