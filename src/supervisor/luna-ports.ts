/** The ports of everything that runs, as extensions are told of them in `LUNA_PORTS` (contract 7.4). */
import { movedPorts } from "../config/ports.ts";
import type { MasterConfig } from "../contract/config.ts";
import type { SpecContext } from "./core-services.ts";

/** JSON: core services by name, and those assigned to UIs and services; `LUNA_PORT_OFFSET` is included. */
export function lunaPorts(
  { ports, environment }: Pick<SpecContext, "ports" | "environment">,
  { port_assignments }: Pick<MasterConfig, "port_assignments">,
): string {
  const { portOffset } = environment;
  return JSON.stringify({
    core: ports,
    extensions: movedPorts(port_assignments.extensions, portOffset),
    services: movedPorts(port_assignments.services, portOffset),
  });
}
