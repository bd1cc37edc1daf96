/** What a named MCP server is known by, whatever it is called: its sessions and the keys for it are bound to that. */
import type { MasterConfig, McpServer } from "../contract/config.ts";

export type IdentifiedServer = Pick<McpServer, "id" | "name">;

/** What stays when a server gets another name, and that no later server of its name has. */
export function identityOf({ id, name }: IdentifiedServer): string {
  return id ?? name;
}

/** The server, whatever it is called now. */
export function sameServer(
  { mcp_servers }: Pick<MasterConfig, "mcp_servers">,
  server: IdentifiedServer,
): McpServer | undefined {
  const identity = identityOf(server);
  return Object.values(mcp_servers).find((one) => identityOf(one) === identity);
}
