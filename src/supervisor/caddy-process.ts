/** Caddy as a supervised process: the generated file first, checked, then the program. */
import { caddyHealthUrl, type Deployment } from "../caddy/address.ts";
import { renderCaddyfile } from "../caddy/caddyfile.ts";
import { caddyCommand, caddyEnvironment, reloadCaddy, writeCaddyfile } from "../caddy/edge.ts";
import { baseEnvironment } from "../config/environment.ts";
import { processMark } from "../config/mark.ts";
import type { SpecContext } from "./core-services.ts";
import type { ProcessSpec } from "./process/managed-process.ts";

/** Open streams get this long when Luna stops. */
const STOP_GRACE_MS = 1_500;
const NAME = "caddy";

export function caddySpec(program: string, context: SpecContext): ProcessSpec {
  const { environment, paths, ports, credentials } = context;
  return {
    name: NAME,
    label: "Proxy",
    kind: "caddy",
    command: caddyCommand(paths, program),
    cwd: paths.home,
    environment: async () =>
      caddyEnvironment({ base: baseEnvironment(environment), paths, credentials }),
    log: paths.log(NAME),
    mark: processMark(paths.home, NAME),
    port: ports.caddy,
    path: "/",
    probe: { url: caddyHealthUrl(ports) },
    stop_grace_ms: STOP_GRACE_MS,
    restart: "always",
  };
}

/** Writes the Caddyfile of this deployment; a Caddy that runs already takes it over. */
export async function prepareCaddy(options: {
  program: string;
  deployment: Deployment;
  context: SpecContext;
  isRunning: boolean;
}): Promise<void> {
  const { program, deployment, context, isRunning } = options;
  const { paths, environment } = context;
  const edge = { paths, program, base: baseEnvironment(environment) };
  const text = renderCaddyfile({
    ...deployment,
    adminSocket: paths.caddySocket,
    dataDir: paths.caddyData,
  });
  const hasChanged = await writeCaddyfile(text, edge);
  if (hasChanged && isRunning) await reloadCaddy(edge);
}
