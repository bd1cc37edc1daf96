/** `luna mcp …`: what has to do with MCP clients of this machine. */
import type { Environment } from "../config/environment.ts";
import { InvalidInputError } from "../lib/errors.ts";
import { mcpStdio } from "./mcp-stdio.ts";
import { USAGE } from "./usage.ts";

export async function mcp(environment: Environment, args: string[]): Promise<number> {
  const [verb, ...rest] = args;
  if (verb !== "stdio") {
    throw new InvalidInputError(
      `Cannot run "luna mcp": ${verb === undefined ? "say what to do" : `"${verb}" is none of its commands`}\nUsage: ${USAGE.mcp}`,
    );
  }
  return mcpStdio(environment, rest);
}
