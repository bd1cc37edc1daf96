/** Whether a named MCP server offers a tool. */
import type { MasterConfig, McpServer } from "../contract/config.ts";

/**
 * By what the owner decided: a tool that is off everywhere is off; else the server's own setting counts, then that for
 * everywhere, then the one for tools that nobody has decided on.
 */
export function isInMcp(
  config: Pick<MasterConfig, "tool_configs" | "mcp">,
  { tool_config }: Pick<McpServer, "tool_config">,
  tool: string,
): boolean {
  const everywhere = Object.hasOwn(config.tool_configs, tool)
    ? config.tool_configs[tool]?.enabled_in_mcp
    : undefined;
  const own = Object.hasOwn(tool_config, tool) ? tool_config[tool]?.enabled_in_mcp : undefined;
  return everywhere !== false && (own ?? everywhere ?? config.mcp.new_tools === "on");
}
