/** Named MCP servers: made, listed, changed, given a new key, deleted. Keys are shown once and kept as hashes. */
import { newSecret } from "../api-keys/new-secret.ts";
import type { MasterConfigStore } from "../config/master-config.ts";
import { identityOf } from "../config/server-identity.ts";
import type { MasterConfig, McpServer } from "../contract/config.ts";
import type {
  ChangeMcpServer,
  McpServerKey,
  McpServerTool,
  McpServerView,
  ToolChoices,
} from "../contract/mcp-servers.ts";
import { ConflictError, InvalidInputError, NotFoundError } from "../lib/errors.ts";
import { isInMcp } from "../tools/in-mcp.ts";

const KEY_PREFIX = "sk-luna-mcp-";
const SERVERS_MAX = 100;
const MS_PER_S = 1_000;

interface Tool {
  name: string;
  extension: string;
  description: string;
}

interface McpServersOptions {
  config: MasterConfigStore;
  /** Where clients reach Luna, without a final slash. */
  publicUrl: string;
  /** The tools there are. */
  tools(): Promise<readonly Tool[]>;
}

export class McpServers {
  readonly #options: McpServersOptions;

  constructor(options: McpServersOptions) {
    this.#options = options;
  }

  async list(): Promise<McpServerView[]> {
    const config = await this.#options.config.read();
    const tools = await this.#options.tools();
    return Object.values(config.mcp_servers).map((server) => this.#view(config, server, tools));
  }

  async create(name: string): Promise<McpServerKey> {
    const { secret, kept } = newSecret(KEY_PREFIX);
    const created_at = new Date().toISOString();
    await this.#options.config.update(({ mcp_servers }) => {
      requireFree(mcp_servers, name, `create the MCP server "${name}"`);
      if (Object.keys(mcp_servers).length >= SERVERS_MAX) {
        throw new ConflictError(
          `Cannot create the MCP server "${name}": there are ${SERVERS_MAX}, the most`,
        );
      }
      const id = crypto.randomUUID();
      mcp_servers[name] = { id, name, enabled: true, ...kept, created_at, tool_config: {} };
    });
    return { server: await this.#viewOf(name), api_key: secret };
  }

  /**
   * Changes what is named. Its key and its clients' sessions stay good under another name.
   * @throws NotFoundError, ConflictError, InvalidInputError for an extension without tools
   */
  async change(name: string, change: ChangeMcpServer): Promise<McpServerView> {
    const tools = await this.#options.tools();
    const to = change.name ?? name;
    await this.#options.config.update((config) => {
      const server = requireServer(config.mcp_servers, name);
      if (change.enabled !== undefined) server.enabled = change.enabled;
      if (change.tool_config !== undefined) server.tool_config = { ...change.tool_config };
      Object.assign(server.tool_config, choicesOf(change, tools));
      if (to !== name) config.mcp_servers = renamed(config.mcp_servers, server, to);
    });
    return this.#viewOf(to);
  }

  /** The tools there are, and which of them the server offers. */
  async tools(name: string): Promise<McpServerTool[]> {
    const config = await this.#options.config.read();
    const server = requireServer(config.mcp_servers, name);
    const tools = (await this.#options.tools()).toSorted((a, b) => (a.name < b.name ? -1 : 1));
    return tools.map((tool) => ({
      name: tool.name,
      enabled_in_mcp: isInMcp(config, server, tool.name),
      source: `ext:${tool.extension}`,
      description: tool.description,
    }));
  }

  /** Another key; the one before goes on for `graceS`. */
  async regenerateKey(name: string, graceS: number): Promise<McpServerKey> {
    const { secret, kept } = newSecret(KEY_PREFIX);
    await this.#options.config.update(({ mcp_servers }) => {
      const server = requireServer(mcp_servers, name);
      const until = new Date(Date.now() + graceS * MS_PER_S).toISOString();
      Object.assign(server, kept, {
        previous_hash: graceS > 0 ? server.key_hash : null,
        previous_expires_at: graceS > 0 ? until : null,
      });
    });
    return { server: await this.#viewOf(name), api_key: secret };
  }

  async delete(name: string): Promise<void> {
    await this.#options.config.update(({ mcp_servers }) => {
      requireServer(mcp_servers, name);
      delete mcp_servers[name];
    });
  }

  async #viewOf(name: string): Promise<McpServerView> {
    const config = await this.#options.config.read();
    const tools = await this.#options.tools();
    return this.#view(config, requireServer(config.mcp_servers, name), tools);
  }

  #view(config: MasterConfig, server: McpServer, tools: readonly Tool[]): McpServerView {
    const { name, enabled, key_hint, created_at } = server;
    return {
      ...{ name, enabled, key_hint, created_at },
      url: `${this.#options.publicUrl}/api/mcp-${name}/mcp`,
      tool_count: tools.filter((tool) => isInMcp(config, server, tool.name)).length,
    };
  }
}

type Servers = MasterConfig["mcp_servers"];

function requireServer(servers: Servers, name: string): McpServer {
  const server = Object.hasOwn(servers, name) ? servers[name] : undefined;
  if (server !== undefined) return server;
  const names = Object.keys(servers).join(", ") || "none";
  throw new NotFoundError(`Cannot find the MCP server "${name}": there are ${names}`);
}

/** A route's `_` has the alias `-`, so names that differ in that alone would meet. */
function requireFree(servers: Servers, name: string, doing: string, but?: McpServer): void {
  const alias = name.replaceAll("_", "-");
  const taken = Object.values(servers).find(
    (one) => one !== but && one.name.replaceAll("_", "-") === alias,
  );
  if (taken !== undefined) {
    throw new ConflictError(`Cannot ${doing}: "${taken.name}" is there already`);
  }
}

/** The servers in their order, `server` under another name. */
function renamed(servers: Servers, server: McpServer, to: string): Servers {
  requireFree(servers, to, `rename the MCP server "${server.name}" to "${to}"`, server);
  const known = { ...server, id: identityOf(server), name: to };
  return Object.fromEntries(
    Object.values(servers).map((one) => (one === server ? [to, known] : [one.name, one])),
  );
}

/** What `change` says of single tools; an extension's stands for each of its tools. */
function choicesOf(
  { tool_updates = {}, extension_updates = {} }: ChangeMcpServer,
  tools: readonly Tool[],
): ToolChoices {
  const choices: ToolChoices = {};
  for (const [extension, choice] of Object.entries(extension_updates)) {
    const own = tools.filter((tool) => tool.extension === extension);
    if (own.length === 0) {
      throw new InvalidInputError(
        `Cannot switch the tools of "${extension}": there is no extension of that name with tools`,
      );
    }
    for (const { name } of own) choices[name] = { ...choice };
  }
  return Object.assign(choices, tool_updates);
}
