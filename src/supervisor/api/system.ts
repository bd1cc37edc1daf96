/** The whole at a glance, its ports, and how to reach it. */
import { Hono } from "hono";
import type { Credentials } from "../../config/credentials.ts";
import type { Ports } from "../../config/ports.ts";
import type { Connect } from "../../contract/connect.ts";
import type { Overview } from "../../contract/process.ts";

export interface SystemDeps {
  credentials: Credentials;
  ports: Ports;
  overview(): Promise<Overview>;
  connect: Connect;
}

export function systemRoutes(deps: SystemDeps) {
  const { ports, credentials } = deps;
  return new Hono()
    .get("/overview", async (context) => context.json(await deps.overview()))
    .get("/ports", (context) => context.json({ core: ports, extensions: {}, services: {} }))
    .get("/agents/api-key", (context) => context.json({ api_key: credentials.agentKey }))
    .get("/connect", (context) => context.json(deps.connect));
}
