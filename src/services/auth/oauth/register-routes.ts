/** `/api/register`: clients register themselves (RFC 7591); it opens nothing before the owner lets them in. */
import { Hono } from "hono";
import { STRANGER } from "../../../contract/audit.ts";
import { ClientRegistration } from "../../../contract/oauth.ts";
import { clientAddress } from "../../../lib/client-address.ts";
import { LunaError, messageOf } from "../../../lib/errors.ts";
import { valid } from "../../../lib/valid.ts";
import { smallBody } from "../sign-in.ts";
import { anyOrigin, preflight } from "./metadata-routes.ts";
import { onOAuthError } from "./oauth-error.ts";
import type { OAuthDependencies } from "./parts.ts";

const DEFAULT_GRANT_TYPES = ["authorization_code", "refresh_token"];

export function registerRoutes(dependencies: Pick<OAuthDependencies, "oauth" | "audit" | "log">) {
  const { oauth, audit, log } = dependencies;
  const { clients, limits } = oauth;
  return new Hono()
    .onError(onOAuthError(log))
    .use("/api/register", anyOrigin)
    .options("/api/register", preflight)
    .post(
      "/api/register",
      limits.registering(),
      smallBody,
      valid("json", ClientRegistration),
      async (context) => {
        const asked = context.req.valid("json");
        const record = {
          actor: STRANGER,
          ...{ action: "oauth.register", address: clientAddress(context.req) },
          target: asked.client_name ?? null,
        };
        const redirect_uris = asked.redirect_uris.join(" ");
        try {
          const { client, secret } = await clients.register(asked);
          const details = { client_id: client.id, redirect_uris };
          audit.record({ ...record, outcome: "ok", details });
          return context.json(
            {
              client_id: client.id,
              client_id_issued_at: Math.floor(client.created_at / 1000),
              ...(secret === undefined
                ? {}
                : { client_secret: secret, client_secret_expires_at: 0 }),
              client_name: client.name,
              redirect_uris: client.redirect_uris,
              grant_types: client.grant_types ?? DEFAULT_GRANT_TYPES,
              response_types: ["code"],
              token_endpoint_auth_method: client.auth_method,
              ...(asked.scope === undefined ? {} : { scope: asked.scope }),
              ...(asked.application_type === undefined
                ? {}
                : { application_type: asked.application_type }),
            },
            201,
          );
        } catch (error) {
          if (error instanceof LunaError) {
            const details = { redirect_uris, reason: messageOf(error) };
            audit.record({ ...record, outcome: "refused", details });
          }
          throw error;
        }
      },
    );
}
