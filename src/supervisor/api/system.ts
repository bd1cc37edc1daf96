/** What runs, on which ports, and how to reach it. */
import { Hono } from "hono";
import type { Credentials } from "../../config/credentials.ts";
import type { Ports } from "../../config/ports.ts";
import type { Connect } from "../../contract/connect.ts";
import type { Overview } from "../../contract/process.ts";
import { InvalidInputError } from "../../lib/errors.ts";
import type { ProcessTable } from "../process/process-table.ts";

export interface SystemDeps {
  credentials: Credentials;
  processes: ProcessTable;
  ports: Ports;
  overview(): Promise<Overview>;
  connect: Connect;
}

export function systemRoutes(deps: SystemDeps) {
  const { processes, ports, credentials } = deps;
  return new Hono()
    .get("/overview", async (context) => context.json(await deps.overview()))
    .get("/services/status", (context) => context.json(processes.state()))
    .get("/ports", (context) => context.json({ core: ports, extensions: {}, services: {} }))
    .post("/services/:name/restart", (context) => {
      const managed = processes.require(context.req.param("name"));
      if (managed.spec.restart === "on_demand") {
        throw new InvalidInputError(
          `Cannot restart "${managed.spec.name}": it starts with its next call and ends by itself`,
        );
      }
      managed.restart();
      return context.json({ restarting: true as const });
    })
    .get("/agents/api-key", (context) => context.json({ api_key: credentials.agentKey }))
    .get("/connect", (context) => context.json(deps.connect));
}
