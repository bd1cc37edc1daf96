/** The apps of Luna's processes as their main.ts files build them, with nothing behind the routes: for reading these. */

import { portsWith } from "../../src/config/ports.ts";
import type { Logger } from "../../src/lib/log.ts";
import type { Operation, Routes } from "../../src/lib/openapi.ts";
import { operationsOf } from "../../src/lib/openapi.ts";
import { type AgentAppOptions, createAgentApp } from "../../src/services/agent/app.ts";
import { type AuthDependencies, createAuthApp } from "../../src/services/auth/app.ts";
import { ClientLimits } from "../../src/services/auth/oauth/client-limits.ts";
import type { OAuthParts } from "../../src/services/auth/oauth/parts.ts";
import { createHubApp } from "../../src/services/hub/app.ts";
import { createMcpApp, type McpAppOptions } from "../../src/services/mcp/app.ts";
import { createSupervisorApp, type SupervisorDeps } from "../../src/supervisor/api/app.ts";

const silent: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};

/** What no handler is asked for need not be there. */
function partly<Dependencies>(known: Partial<Dependencies>): Dependencies {
  return known as Dependencies;
}

const credentials = {
  supervisorToken: "supervisor",
  agentKey: "agent",
  edgeToken: "edge",
  authToken: "auth",
  mcpToken: "mcp",
  toolHostToken: "tool-host",
  tokenCheck: "token-check",
};
const ports = portsWith(0);

/** The processes that answer HTTP on a port of their own. */
export type RouterName = "supervisor" | "agent" | "auth" | "mcp" | "hub";

export const ROUTERS: Readonly<Record<RouterName, { routes: Routes }>> = {
  supervisor: createSupervisorApp(partly<SupervisorDeps>({ credentials, ports, log: silent })),
  agent: createAgentApp({
    ...partly<AgentAppOptions>({ agents: [], defaultAgent: "" }),
    ...{ edgeToken: credentials.edgeToken, port: ports.agent, log: silent },
  }),
  auth: createAuthApp({
    ...partly<AuthDependencies>({ token: credentials.authToken, log: silent }),
    checkToken: credentials.tokenCheck,
    oauth: partly<OAuthParts>({ limits: new ClientLimits(() => 0) }),
  }),
  mcp: createMcpApp(partly<McpAppOptions>({ ownerToken: credentials.mcpToken, log: silent })),
  hub: createHubApp({ assets: {}, log: silent }),
};

export function routesOf(name: RouterName): Operation[] {
  return operationsOf(ROUTERS[name].routes);
}
