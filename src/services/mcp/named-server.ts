/** Which named MCP server a request is for, and whether its key opens it. */
import type { MiddlewareHandler } from "hono";
import { createMiddleware } from "hono/factory";
import { type Access, type KeyGate, wholeAccess } from "../../api-keys/key-gate.ts";
import { ALL_SCOPES, allowsMcpServer, insufficientScope } from "../../api-keys/scopes.ts";
import { noteRefusal } from "../../audit/refused-requests.ts";
import { sameServer } from "../../config/server-identity.ts";
import type { MasterConfig, McpServer } from "../../contract/config.ts";
import { MCP_REFUSALS } from "../../contract/mcp-connection.ts";
import { bearerOf } from "../../lib/app.ts";
import {
  type ForbiddenError,
  NotFoundError,
  UnauthorizedError,
  UnavailableError,
} from "../../lib/errors.ts";
import { generateSecret, hashSecret, sameHash } from "../../lib/secret.ts";

/** How the path of an endpoint names its server: `mcp-<name>`. */
const ENDPOINT_PREFIX = "mcp-";
const NO_KEY_GIVEN = hashSecret("");
/** Compared with when there is no such server, so that the answer takes as long as for a wrong key. */
const NO_KEY_HASH = hashSecret(generateSecret());

/**
 * The server called `name`, or else the one whose name is `name` with `_` written as `-`
 * (some clients do that to addresses); nothing when two are.
 */
function findNamedServer(
  servers: Readonly<Record<string, McpServer>>,
  name: string,
): McpServer | undefined {
  if (Object.hasOwn(servers, name)) return servers[name];
  const aliases = Object.keys(servers).filter((key) => key.replaceAll("_", "-") === name);
  const [alias] = aliases;
  return alias !== undefined && aliases.length === 1 ? servers[alias] : undefined;
}

export interface ConfigSource {
  read(): Promise<MasterConfig>;
}

export interface NamedServerVariables {
  server: McpServer;
  /** The configuration that `server` is in. */
  masterConfig: MasterConfig;
  access: Access;
  /** The same server in another configuration, if it is in it. */
  serverIn(config: MasterConfig): McpServer | undefined;
  /** Who comes, for what is begun with one request and goes on with another: the key's hash. */
  holder: string;
  /** The refusal of what the scopes do not allow. */
  insufficient(what: string, missing: string): ForbiddenError;
}

/** @throws UnavailableError when it does not parse */
export async function readConfig(config: ConfigSource): Promise<MasterConfig> {
  try {
    return await config.read();
  } catch (cause) {
    // The reason names a file of this machine: for the log, not for whoever asks.
    throw new UnavailableError(
      "Cannot check the key: Luna's configuration does not parse; its log says where",
      { cause },
    );
  }
}

interface ServerKeyOptions {
  config: ConfigSource;
  gate: KeyGate;
  ownerToken: string;
}

/** Whether the key with this hash is the server's, or the one before while that goes on. */
function opens(hash: string, server: McpServer | undefined): boolean {
  const { key_hash = NO_KEY_HASH, previous_hash, previous_expires_at } = server ?? {};
  const isPresent = sameHash(hash, key_hash);
  const goesOn = Date.parse(previous_expires_at ?? "") > Date.now();
  return sameHash(hash, (goesOn ? previous_hash : null) ?? NO_KEY_HASH) || isPresent;
}

/** Who has the token of this machine's owner. */
const OWNER = wholeAccess({ kind: "local", name: "luna mcp stdio" });

function notThere(name: string, servers: MasterConfig["mcp_servers"], access: Access) {
  // Only the owner is told which names exist.
  const names = Object.keys(servers).join(", ") || "none yet, create one in the Hub";
  const others = access === OWNER ? `; there are: ${names}` : "";
  return new NotFoundError(`Cannot use MCP server "${name}": there is none of that name${others}`);
}

/**
 * Lets a request through that brings the server's key or a named API key for it (`Authorization: Bearer` or
 * `X-API-Key`), or the token of this machine's owner, and sets `server`, `masterConfig` and `access`.
 */
export function requireServerKey({ config, gate, ownerToken }: ServerKeyOptions) {
  const ownerHash = hashSecret(ownerToken);
  const accessOf = async (
    hash: string,
    {
      name,
      server,
      masterConfig,
      request,
    }: { name: string; server?: McpServer; masterConfig: MasterConfig; request: Request },
  ): Promise<Access> => {
    if (opens(hash, server) && server !== undefined) {
      const id = ENDPOINT_PREFIX + server.name;
      const counted = gate.count(id, masterConfig.rate_limits.mcp_server_key);
      const current = async () =>
        opens(hash, sameServer(await config.read(), server)) ? ALL_SCOPES : undefined;
      return { ...wholeAccess({ kind: "client", name: id }, counted), current };
    }
    if (sameHash(hash, ownerHash)) return OWNER;
    const access = await gate.admit(hash, `MCP server "${name}"`).catch((error: unknown) => {
      const reason = sameHash(hash, NO_KEY_GIVEN) ? MCP_REFUSALS.no_key : MCP_REFUSALS.wrong_key;
      if (error instanceof UnauthorizedError) noteRefusal(request, { reason });
      throw error;
    });
    if (allowsMcpServer(access.scopes, server)) return access;
    noteRefusal(request, { reason: MCP_REFUSALS.key_not_for_this, actor: access.actor });
    throw insufficientScope(`use MCP server "${name}"`, `the MCP server "${name}"`);
  };
  const guard: MiddlewareHandler<{ Variables: NamedServerVariables }> = createMiddleware(
    async (context, next) => {
      const name = (context.req.param("endpoint") ?? "").slice(ENDPOINT_PREFIX.length);
      const key = bearerOf(context.req) || (context.req.header("X-API-Key") ?? "");
      const masterConfig = await readConfig(config);
      const server = findNamedServer(masterConfig.mcp_servers, name);
      const request = context.req.raw;
      const asked = { name, masterConfig, request, ...(server === undefined ? {} : { server }) };
      const keyHash = hashSecret(key);
      const access = await accessOf(keyHash, asked);
      if (server === undefined) throw notThere(name, masterConfig.mcp_servers, access);
      if (!server.enabled) {
        throw new NotFoundError(`Cannot use MCP server "${name}": it is switched off in the Hub`);
      }
      context.set("server", server);
      context.set("masterConfig", masterConfig);
      context.set("access", access);
      context.set("serverIn", (now) => sameServer(now, server));
      context.set("holder", keyHash);
      context.set("insufficient", insufficientScope);
      await next();
      for (const [header, value] of Object.entries(access.headers)) {
        context.res.headers.set(header, value);
      }
    },
  );
  return guard;
}
