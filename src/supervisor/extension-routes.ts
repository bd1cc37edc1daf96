/** Which public path leads to which port of which extension, out of what is enabled. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { RoutesFile } from "../contract/routes.ts";
import type { Extension } from "../extensions/discovery.ts";
import { accessOf } from "../extensions/exposure.ts";
import type { OwnProcess } from "../extensions/own-processes.ts";

const VITE_FILES = ["js", "mjs", "ts", "mts"].map((ending) => `vite.config.${ending}`);

/** A UI that Vite builds knows its own base path, so it wants the whole path (contract 5.1). */
function stripsByDefault({ path }: Extension): boolean {
  return !VITE_FILES.some((file) => existsSync(join(path, "ui", file)));
}

type ServiceRoute = RoutesFile["extensions"][string]["services"][string];

/** undefined for a service that nobody reaches from outside. */
function serviceRoute({ config }: OwnProcess, port: number): ServiceRoute | undefined {
  const { public_exposure } = config;
  const access = accessOf(public_exposure);
  if (access === "none") return undefined;
  return {
    ...{ port, access },
    strip_prefix: public_exposure?.strip_prefix ?? true,
    // Where a session is needed, other sites' pages have none.
    cors: access !== "session" && public_exposure?.cors_enabled === true,
    prefix: public_exposure?.route_prefix ?? null,
  };
}

/** @param portOf the port that a process listens on, null when it has none */
export function extensionRoutes(
  extensions: readonly Extension[],
  processes: readonly OwnProcess[],
  portOf: (one: OwnProcess) => number | null,
): RoutesFile {
  const routes: RoutesFile = { extensions: {} };
  for (const extension of extensions) {
    const { ui } = extension.manifest;
    const own = processes.filter((one) => one.extension === extension.name);
    const entry: RoutesFile["extensions"][string] = { ui: null, services: {} };
    for (const one of own) {
      const port = portOf(one);
      if (port === null) continue;
      if (one.service === undefined) {
        entry.ui = {
          port,
          strip_prefix: ui?.strip_prefix ?? stripsByDefault(extension),
          enforce_trailing_slash: ui?.enforce_trailing_slash ?? true,
        };
      } else {
        const route = serviceRoute(one, port);
        if (route !== undefined) entry.services[one.service] = route;
      }
    }
    if (own.length > 0) routes.extensions[extension.name] = entry;
  }
  return routes;
}
