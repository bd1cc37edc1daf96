/** `luna mcp …`: what has to do with MCP clients of this machine. */
import type { Environment } from "../config/environment.ts";
import { readVerb } from "./arguments.ts";
import { mcpStdio } from "./mcp-stdio.ts";
import { USAGE } from "./usage.ts";

const VERBS = { stdio: mcpStdio };

export function mcp(environment: Environment, args: string[]): Promise<number> {
  const { verb, rest } = readVerb(args, { verbs: VERBS, usage: USAGE.mcp });
  return verb(environment, rest);
}
