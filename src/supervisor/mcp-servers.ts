/** Named MCP servers: made, listed, given a new key, deleted. Keys are shown once and kept as hashes. */
import { newSecret } from "../api-keys/new-secret.ts";
import type { MasterConfigStore } from "../config/master-config.ts";
import type { McpServer, McpServerKey, McpServerView } from "../contract/config.ts";
import { ConflictError, NotFoundError } from "../lib/errors.ts";

const KEY_PREFIX = "sk-luna-mcp-";
const SERVERS_MAX = 100;

interface McpServersOptions {
  config: MasterConfigStore;
  /** Where clients reach Luna, without a final slash. */
  publicUrl: string;
  /** Names of the tools there are. */
  toolNames(): Promise<readonly string[]>;
}

export class McpServers {
  readonly #options: McpServersOptions;

  constructor(options: McpServersOptions) {
    this.#options = options;
  }

  async list(): Promise<McpServerView[]> {
    const { mcp_servers } = await this.#options.config.read();
    const names = await this.#options.toolNames();
    return Object.values(mcp_servers).map((server) => this.#view(server, names));
  }

  async create(name: string): Promise<McpServerKey> {
    const { secret: key, kept } = newSecret(KEY_PREFIX);
    const created_at = new Date().toISOString();
    await this.#options.config.update((config) => {
      // A route's `_` has the alias `-`, so names that differ in that alone would meet.
      const alias = name.replaceAll("_", "-");
      const taken = Object.keys(config.mcp_servers).find(
        (one) => one.replaceAll("_", "-") === alias,
      );
      if (taken !== undefined) {
        throw new ConflictError(
          `Cannot create the MCP server "${name}": "${taken}" is there already`,
        );
      }
      if (Object.keys(config.mcp_servers).length >= SERVERS_MAX) {
        throw new ConflictError(
          `Cannot create the MCP server "${name}": there are ${SERVERS_MAX}, the most`,
        );
      }
      config.mcp_servers[name] = { name, enabled: true, ...kept, created_at, tool_config: {} };
    });
    return this.#withKey(name, key);
  }

  /** The old key stops working at once. */
  async regenerateKey(name: string): Promise<McpServerKey> {
    const { secret: key, kept } = newSecret(KEY_PREFIX);
    await this.#options.config.update((config) => {
      Object.assign(this.#require(config.mcp_servers, name), kept);
    });
    return this.#withKey(name, key);
  }

  async delete(name: string): Promise<void> {
    await this.#options.config.update((config) => {
      this.#require(config.mcp_servers, name);
      delete config.mcp_servers[name];
    });
  }

  #require(servers: Record<string, McpServer>, name: string): McpServer {
    const server = servers[name];
    if (server === undefined) {
      throw new NotFoundError(
        `Cannot find the MCP server "${name}": there are ${Object.keys(servers).join(", ") || "none"}`,
      );
    }
    return server;
  }

  async #withKey(name: string, key: string): Promise<McpServerKey> {
    const { mcp_servers } = await this.#options.config.read();
    const names = await this.#options.toolNames();
    return { server: this.#view(this.#require(mcp_servers, name), names), api_key: key };
  }

  #view(server: McpServer, toolNames: readonly string[]): McpServerView {
    const { name, enabled, key_hint, created_at, tool_config } = server;
    return {
      name,
      enabled,
      key_hint,
      created_at,
      url: `${this.#options.publicUrl}/api/mcp-${name}/mcp`,
      tool_count: toolNames.filter((tool) => tool_config[tool]?.enabled_in_mcp !== false).length,
    };
  }
}
