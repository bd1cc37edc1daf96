/** The fixed ports of the specification (2 and 5), each moved by `LUNA_PORT_OFFSET`. */
import type { CoreServiceName } from "../contract/process.ts";

export interface Ports extends Record<CoreServiceName, number> {
  supervisor: number;
  /** Caddy's port in modes where it serves plain HTTP. */
  caddy: number;
}

export function portsWith(offset: number): Ports {
  return {
    supervisor: 9999 + offset,
    auth: 8765 + offset,
    agent: 8080 + offset,
    mcp: 8766 + offset,
    hub: 5173 + offset,
    caddy: 8443 + offset,
  };
}

/** The ranges that extensions get their ports from (specification 4.2), before `LUNA_PORT_OFFSET`. */
export const PORT_RANGES = {
  extensions: { first: 5200, last: 5299 },
  services: { first: 5300, last: 5399 },
} as const;

/** Ports as they are assigned, where they are listened on. */
export function movedPorts(
  assigned: Readonly<Record<string, number | null>>,
  offset: number,
): Record<string, number | null> {
  return Object.fromEntries(
    Object.entries(assigned).map(([name, port]) => [name, port === null ? null : port + offset]),
  );
}
