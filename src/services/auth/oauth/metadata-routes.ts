/** What the authorization server and the MCP server say of themselves, and that there is nothing else at `/.well-known/`. */
import { type Context, Hono } from "hono";
import { createMiddleware } from "hono/factory";
import type { AuditTrail } from "../../../audit/trail.ts";
import { STRANGER } from "../../../contract/audit.ts";
import { DISCOVERY_ACTION } from "../../../contract/mcp-connection.ts";
import {
  MCP_PATH,
  OFFLINE_SCOPE,
  READ_SCOPE,
  RESOURCE_METADATA_PATH,
  SERVER_METADATA_PATH,
  TOOLS_SCOPE,
} from "../../../contract/oauth.ts";
import { clientAddress } from "../../../lib/client-address.ts";
import { publicOrigin } from "../../../lib/public-origin.ts";
import type { OAuthDependencies } from "./parts.ts";

const USER_AGENT_LENGTH_MAX = 200;
const AUTH_METHODS = ["none", "client_secret_post", "client_secret_basic"];

/** The issuer, by the name that the client has for this Luna: it compares it with the address that it asked. */
export function issuerOf({ req }: Context, publicUrl: string): string {
  return publicOrigin(publicUrl, req.header("X-Forwarded-Host"));
}

/** RFC 8414, 2; with RFC 9207, and Client ID Metadata Documents. */
function serverMetadata(issuer: string, client_id_metadata_document_supported: boolean) {
  return {
    issuer,
    authorization_endpoint: `${issuer}/api/authorize`,
    token_endpoint: `${issuer}/api/token`,
    registration_endpoint: `${issuer}/api/register`,
    revocation_endpoint: `${issuer}/api/revoke`,
    scopes_supported: [TOOLS_SCOPE, READ_SCOPE, OFFLINE_SCOPE],
    response_types_supported: ["code"],
    response_modes_supported: ["query"],
    grant_types_supported: ["authorization_code", "refresh_token"],
    token_endpoint_auth_methods_supported: AUTH_METHODS,
    revocation_endpoint_auth_methods_supported: AUTH_METHODS,
    code_challenge_methods_supported: ["S256"],
    authorization_response_iss_parameter_supported: true,
    client_id_metadata_document_supported,
  };
}

/** RFC 9728, 2. */
function resourceMetadata(issuer: string) {
  return {
    resource: `${issuer}${MCP_PATH}`,
    authorization_servers: [issuer],
    scopes_supported: [TOOLS_SCOPE, READ_SCOPE],
    bearer_methods_supported: ["header"],
    resource_name: "Luna",
  };
}

/**
 * For clients that are a page, such as the MCP Inspector: what is answered here depends on no cookie and on nothing
 * else that a browser adds by itself, so every page may read it.
 */
export const anyOrigin = createMiddleware(async (context, next) => {
  await next();
  context.header("Access-Control-Allow-Origin", "*");
  context.header("Cross-Origin-Resource-Policy", "cross-origin");
});

const PREFLIGHT = {
  "Access-Control-Allow-Methods": "GET, POST",
  "Access-Control-Allow-Headers": "Authorization, Content-Type, MCP-Protocol-Version",
  "Access-Control-Max-Age": "3600",
};

export function preflight(context: Context): Response {
  return context.body(null, 204, PREFLIGHT);
}

/** A client that connects reads these first: when it comes no further, its owner sees that it came so far. */
function recordDiscovery(audit: Pick<AuditTrail, "record">) {
  return createMiddleware(async (context, next) => {
    await next();
    if (context.req.method !== "GET") return;
    const user_agent = context.req.header("User-Agent")?.slice(0, USER_AGENT_LENGTH_MAX) ?? "";
    audit.record({
      actor: STRANGER,
      ...{ action: DISCOVERY_ACTION, target: context.req.path, outcome: "ok" },
      ...{ address: clientAddress(context.req), details: { user_agent } },
    });
  });
}

export function metadataRoutes({ oauth, publicUrl, audit }: OAuthDependencies) {
  const record = recordDiscovery(audit);
  return new Hono()
    .use(SERVER_METADATA_PATH, anyOrigin, record)
    .use(RESOURCE_METADATA_PATH, anyOrigin, record)
    .get(SERVER_METADATA_PATH, async (context) => {
      const issuer = issuerOf(context, publicUrl);
      return context.json(serverMetadata(issuer, await oauth.documents.areWanted()));
    })
    .options(SERVER_METADATA_PATH, preflight)
    .get(RESOURCE_METADATA_PATH, (context) =>
      context.json(resourceMetadata(issuerOf(context, publicUrl))),
    )
    .options(RESOURCE_METADATA_PATH, preflight);
}
