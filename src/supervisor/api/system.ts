/** The whole at a glance, its ports, and how to reach it. */
import { Hono } from "hono";
import { z } from "zod";
import type { Credentials } from "../../config/credentials.ts";
import type { Ports } from "../../config/ports.ts";
import { Connect } from "../../contract/connect.ts";
import { Overview } from "../../contract/process.ts";
import { answers } from "../../lib/route-facts.ts";

const PortTable = z.record(z.string(), z.int());

const OVERVIEW = answers("The whole at a glance", Overview);
const PORTS = answers(
  "Which port everything has",
  z.object({ core: PortTable, extensions: PortTable, services: PortTable }),
);
const AGENT_KEY = answers("The key of the agent API", z.object({ api_key: z.string() }));
const CONNECT = answers("How clients reach this Luna", Connect);

export interface SystemDeps {
  credentials: Credentials;
  ports: Ports;
  overview(): Promise<Overview>;
  connect: Connect;
}

export function systemRoutes(deps: SystemDeps) {
  const { ports, credentials } = deps;
  return new Hono()
    .get("/overview", OVERVIEW, async (context) => context.json(await deps.overview()))
    .get("/ports", PORTS, (context) => context.json({ core: ports, extensions: {}, services: {} }))
    .get("/agents/api-key", AGENT_KEY, (context) => context.json({ api_key: credentials.agentKey }))
    .get("/connect", CONNECT, (context) => context.json(deps.connect));
}
