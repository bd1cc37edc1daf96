/** The main MCP server, `/api/mcp`: opened by access tokens that the owner has allowed, and by nothing else. */
import type { Context, MiddlewareHandler } from "hono";
import { createMiddleware } from "hono/factory";
import { type KeyGate, wholeAccess } from "../../api-keys/key-gate.ts";
import { noteRefusal, type WhyRefused } from "../../audit/refused-requests.ts";
import { API_KEY_PREFIX } from "../../contract/agent-key.ts";
import type { KeyScopes } from "../../contract/api-keys.ts";
import type { MasterConfig, McpServer } from "../../contract/config.ts";
import { MCP_REFUSALS, TOKEN_FAULTS } from "../../contract/mcp-connection.ts";
import {
  type Access,
  type AccessRefusal,
  MCP_PATH,
  READ_SCOPE,
  RESOURCE_METADATA_PATH,
  TOOLS_SCOPE,
} from "../../contract/oauth.ts";
import { bearerOf } from "../../lib/app.ts";
import { ForbiddenError, UnauthorizedError } from "../../lib/errors.ts";
import { publicOrigin } from "../../lib/public-origin.ts";
import { hashSecret } from "../../lib/secret.ts";
import { type ConfigSource, type NamedServerVariables, readConfig } from "./named-server.ts";

const NAME = "main";
/** What auth makes; whatever looks different is not asked about. */
const ACCESS_TOKEN = /^luna-at-[A-Za-z0-9_-]{43}$/;

/** The same objects each time, so that what is offered to them is made once. */
const EVERYTHING: KeyScopes = { agents: [], mcp_servers: [NAME], tools: "all", read_only: false };
const READING: KeyScopes = { ...EVERYTHING, read_only: true };

function scopesOf({ scope }: Access): KeyScopes | undefined {
  const names = scope.split(" ");
  if (names.includes(TOOLS_SCOPE)) return EVERYTHING;
  return names.includes(READ_SCOPE) ? READING : undefined;
}

const servers = new WeakMap<MasterConfig, McpServer>();

/** Everything that is switched on for MCP; a new object with each configuration, as those of named servers are. */
function mainServer(config: MasterConfig): McpServer {
  const known = servers.get(config);
  if (known !== undefined) return known;
  const none = { key_hash: "", key_hint: "", created_at: "", tool_config: {} };
  const server: McpServer = { name: NAME, enabled: true, ...none };
  servers.set(config, server);
  return server;
}

export interface MainServerOptions {
  /** The Hub's address, without a final slash. */
  publicUrl: string;
  /** What the access token with this hash opens now. */
  find(token_hash: string): Promise<Access | undefined>;
  /** Why that was nothing. */
  refusalOf(token_hash: string): AccessRefusal | undefined;
}

interface Challenge {
  error?: "invalid_token" | "insufficient_scope";
  description?: string;
}

/** Where a client learns how to get a token, and which (RFC 9728, 5.1; RFC 6750, 3). */
function challenge({ req }: Context, publicUrl: string, { error, description }: Challenge): string {
  const origin = publicOrigin(publicUrl, req.header("X-Forwarded-Host"));
  const parts = {
    ...(error === undefined ? {} : { error }),
    ...(description === undefined ? {} : { error_description: description }),
    resource_metadata: `${origin}${RESOURCE_METADATA_PATH}`,
    scope: TOOLS_SCOPE,
  };
  const text = Object.entries(parts).map(([name, value]) => `${name}="${value}"`);
  return `Bearer ${text.join(", ")}`;
}

function unauthorized(context: Context, publicUrl: string, token: string): UnauthorizedError {
  const isMissing = token === "";
  const description = "The access token is not one of this server, has expired, or was revoked";
  const header = challenge(
    context,
    publicUrl,
    isMissing ? {} : { error: "invalid_token", description },
  );
  return new UnauthorizedError(
    isMissing
      ? "Cannot use Luna's MCP server without an access token: a client that can sign in does so by itself; one that takes a key uses a named server, /api/mcp-<name>/mcp, from the Hub's Connect page"
      : `Cannot use Luna's MCP server: ${description.toLowerCase()}; sign in again`,
    { headers: { "WWW-Authenticate": header } },
  );
}

/** RFC 6750, 3.1: with everything that is needed at once. */
function insufficient(context: Context, publicUrl: string, what: string): ForbiddenError {
  const description = `It needs the scope ${TOOLS_SCOPE}`;
  const header = challenge(context, publicUrl, { error: "insufficient_scope", description });
  return new ForbiddenError(
    `Cannot ${what}: the owner has not allowed this client that; it can ask for the scope "${TOOLS_SCOPE}"`,
    { code: "insufficient_scope", headers: { "WWW-Authenticate": header } },
  );
}

const clientOf = (name: string) => ({ actor: { kind: "client", name } }) as const;

/** For the audit log, where the owner looks when a client does not connect; the client itself is told less. */
function whyNot({
  token,
  access,
  refusal,
}: {
  token: string;
  access: Access | undefined;
  refusal: AccessRefusal | undefined;
}): WhyRefused {
  if (token === "") return { reason: MCP_REFUSALS.no_token };
  if (access !== undefined) {
    return { reason: MCP_REFUSALS.other_resource, ...clientOf(access.client_name) };
  }
  if (token.startsWith(API_KEY_PREFIX)) return { reason: MCP_REFUSALS.key_for_main };
  if (refusal === undefined) return { reason: MCP_REFUSALS.foreign_token };
  const { fault, client_name } = refusal;
  return {
    reason: TOKEN_FAULTS[fault],
    ...(client_name === null ? {} : clientOf(client_name)),
  };
}

interface AccessTokenOptions {
  config: ConfigSource;
  gate: KeyGate;
  oauth: MainServerOptions;
}

/** Lets a request through that brings a good access token for this very server in `Authorization`, never in its address. */
export function requireAccessToken(options: AccessTokenOptions) {
  const guard: MiddlewareHandler<{ Variables: NamedServerVariables }> = createMiddleware(
    async (context, next) => {
      const { config, gate, oauth } = options;
      const { publicUrl, find, refusalOf } = oauth;
      const token = bearerOf(context.req);
      const hash = hashSecret(token);
      const resource = `${publicUrl}${MCP_PATH}`;
      const any = async () => (ACCESS_TOKEN.test(token) ? find(hash) : undefined);
      /** RFC 8707: a token for something else opens nothing here, nor does one that is for nothing. */
      const isOwn = (access: Access | undefined): access is Access => access?.resource === resource;
      const access = await any();
      if (!isOwn(access)) {
        noteRefusal(context.req.raw, whyNot({ token, access, refusal: refusalOf(hash) }));
        throw unauthorized(context, publicUrl, token);
      }
      const scopes = scopesOf(access);
      if (scopes === undefined) {
        const client = clientOf(access.client_name);
        noteRefusal(context.req.raw, { reason: MCP_REFUSALS.no_scope, ...client });
        throw insufficient(context, publicUrl, "use Luna's MCP server");
      }
      const masterConfig = await readConfig(config);
      const counted = gate.count(`grant ${access.grant}`, masterConfig.rate_limits.mcp_server_key);
      const current = async (): Promise<KeyScopes | undefined> => {
        const now = await any();
        return isOwn(now) ? scopesOf(now) : undefined;
      };
      const actor = { kind: "client", name: access.client_name } as const;
      context.set("server", mainServer(masterConfig));
      context.set("serverIn", mainServer);
      context.set("masterConfig", masterConfig);
      context.set("access", { ...wholeAccess(actor, counted), scopes, current });
      // Tokens change each hour; what was begun goes on as long as what the owner has allowed.
      context.set("holder", `grant ${access.grant}`);
      context.set("insufficient", (what) => insufficient(context, publicUrl, what));
      await next();
      for (const [header, value] of Object.entries(counted.headers)) {
        context.res.headers.set(header, value);
      }
    },
  );
  return guard;
}
