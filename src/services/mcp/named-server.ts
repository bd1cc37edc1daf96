/** Which named MCP server a request is for, and whether its key opens it. */
import { createMiddleware } from "hono/factory";
import type { AuditActor } from "../../contract/audit.ts";
import type { MasterConfig, McpServer } from "../../contract/config.ts";
import { bearerOf } from "../../lib/app.ts";
import { NotFoundError, UnauthorizedError, UnavailableError } from "../../lib/errors.ts";
import { generateSecret, hashSecret, matchesHash } from "../../lib/secret.ts";

/** How the path of an endpoint names its server: `mcp-<name>`. */
const ENDPOINT_PREFIX = "mcp-";
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

/** Who has the token of this machine's owner. */
const OWNER = { kind: "local", name: "luna mcp stdio" } as const;

export interface ConfigSource {
  read(): Promise<MasterConfig>;
}

interface NamedServerVariables {
  server: McpServer;
  /** The configuration that `server` is in. */
  masterConfig: MasterConfig;
  /** Whoever has the key that was brought. */
  actor: AuditActor;
}

async function readConfig(config: ConfigSource): Promise<MasterConfig> {
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

/**
 * Lets a request through that brings the server's key (`Authorization: Bearer` or `X-API-Key`),
 * or the token of this machine's owner, and sets `server`, `masterConfig` and `actor`. Only the owner is told which names exist.
 */
export function requireServerKey(options: { config: ConfigSource; ownerToken: string }) {
  const ownerHash = hashSecret(options.ownerToken);
  return createMiddleware<{ Variables: NamedServerVariables }>(async (context, next) => {
    const name = (context.req.param("endpoint") ?? "").slice(ENDPOINT_PREFIX.length);
    const key = bearerOf(context.req) || (context.req.header("X-API-Key") ?? "");
    const masterConfig = await readConfig(options.config);
    const servers = masterConfig.mcp_servers;
    const server = findNamedServer(servers, name);
    const isKey = matchesHash(key, server?.key_hash ?? NO_KEY_HASH);
    if (!isKey && !matchesHash(key, ownerHash)) {
      throw new UnauthorizedError(
        `Cannot use MCP server "${name}": the key is missing or wrong; the Hub's Connect page has the right one`,
      );
    }
    if (server === undefined) {
      const names = Object.keys(servers).join(", ") || "none yet, create one in the Hub";
      throw new NotFoundError(
        `Cannot use MCP server "${name}": there is none of that name; there are: ${names}`,
      );
    }
    if (!server.enabled) {
      throw new NotFoundError(`Cannot use MCP server "${name}": it is switched off in the Hub`);
    }
    context.set("server", server);
    context.set("actor", isKey ? { kind: "client", name: `mcp-${server.name}` } : OWNER);
    context.set("masterConfig", masterConfig);
    await next();
  });
}
