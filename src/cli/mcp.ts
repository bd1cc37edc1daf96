/** `luna mcp …`: named MCP servers, and what has to do with MCP clients. */
import type { Environment } from "../config/environment.ts";
import { readVerb } from "./arguments.ts";
import { mcpAdd } from "./mcp-add.ts";
import { mcpClients } from "./mcp-clients.ts";
import { mcpDoctor } from "./mcp-doctor.ts";
import { mcpLogin } from "./mcp-login.ts";
import { mcpServerVerbs } from "./mcp-servers.ts";
import { mcpStdio } from "./mcp-stdio.ts";
import { USAGE } from "./usage.ts";

const VERBS = {
  ...mcpServerVerbs,
  clients: mcpClients,
  stdio: mcpStdio,
  doctor: mcpDoctor,
  add: mcpAdd,
  login: mcpLogin,
};

export function mcp(environment: Environment, args: string[]): Promise<number> {
  const { verb, rest } = readVerb(args, { verbs: VERBS, usage: USAGE.mcp });
  return verb(environment, rest);
}
