/** Which public path leads to which port of which extension, out of what is enabled. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { RoutesFile } from "../contract/routes.ts";
import type { Extension } from "../extensions/discovery.ts";
import type { OwnProcess } from "../extensions/own-processes.ts";

/** A UI that Vite builds knows its own base path, so it wants the whole path (contract 5.1). */
function stripsByDefault({ path }: Extension): boolean {
  return !existsSync(join(path, "ui", "vite.config.js"));
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
        entry.services[one.service] = { port, strip_prefix: true };
      }
    }
    if (own.length > 0) routes.extensions[extension.name] = entry;
  }
  return routes;
}
