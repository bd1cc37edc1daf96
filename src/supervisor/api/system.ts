/** The whole at a glance, its ports, and how to reach it. */
import { Hono } from "hono";
import { z } from "zod";
import type { Ports } from "../../config/ports.ts";
import { Connect } from "../../contract/connect.ts";
import { Overview } from "../../contract/process.ts";
import { answers } from "../../lib/route-facts.ts";

const PortTable = z.record(z.string(), z.int());
/** Of extensions' processes; null for one that listens nowhere. */
const AssignedPorts = z.record(z.string(), z.int().nullable());

const OVERVIEW = answers("The whole at a glance", Overview);
const PORTS = answers(
  "Which port everything has",
  z.object({ core: PortTable, extensions: AssignedPorts, services: AssignedPorts }),
);
const CONNECT = answers("How clients reach this Luna", Connect);

export interface SystemDeps {
  ports: Ports;
  /** UIs by extension, services as `<extension>.<service>`. */
  assignedPorts(): Record<"extensions" | "services", z.infer<typeof AssignedPorts>>;
  overview(): Promise<Overview>;
  connect: Connect;
}

export function systemRoutes(deps: SystemDeps) {
  const { ports } = deps;
  return new Hono()
    .get("/overview", OVERVIEW, async (context) => context.json(await deps.overview()))
    .get("/ports", PORTS, (context) => context.json({ core: ports, ...deps.assignedPorts() }))
    .get("/connect", CONNECT, (context) => context.json(deps.connect));
}
