/** Where runs get what they bring into place: sources, packages, services, and Luna's own program. */
import type { CoreUpdate } from "../core-update/core-update.ts";
import { messageOf, UnavailableError } from "../lib/errors.ts";
import { installPackages } from "../packages/install.ts";
import type { Sources } from "../sources/sources.ts";
import type { Fetch, InstallPackages, InstallService, UpdateCore } from "../updates/parts.ts";
import type { SpecContext } from "./core-services.ts";
import type { ExternalServices } from "./external-services/external-services.ts";

interface UpdatePartsOptions {
  context: SpecContext;
  coreUpdate: CoreUpdate;
  services: Pick<ExternalServices, "installService">;
  sources: Pick<Sources, "fetch">;
  /** A program is in place that only a start of everything brings into action. */
  onNewProgram(): void;
}

export interface UpdateParts {
  fetch: Fetch;
  installPackages: InstallPackages;
  installService: InstallService;
  updateCore: UpdateCore;
}

export function updateParts(options: UpdatePartsOptions): UpdateParts {
  const { context, coreUpdate, services, sources, onNewProgram } = options;
  const { environment, paths } = context;
  return {
    fetch: (source, given) => sources.fetch(source, given),
    installPackages: (given) =>
      installPackages({ ...given, environment, cache: paths.packageCache }),
    installService: (name, given) => services.installService(name, given),
    updateCore: async ({ target_version }, { run, log, signal }) => {
      const earlier = await coreUpdate.outcome(run, signal);
      if (earlier?.state === "done") return;
      if (earlier !== undefined) {
        throw new UnavailableError(`Luna ${earlier.to} was taken back: ${earlier.reason}`);
      }
      const versions = await coreUpdate.prepare(target_version, { signal });
      await coreUpdate.swap({ ...versions, run });
      log(`Luna ${versions.to} is in place, and starts in a moment`);
      try {
        onNewProgram();
      } catch (error) {
        await coreUpdate.rollBack(messageOf(error));
        throw error;
      }
      // The supervisor that comes goes on with this run, and knows how it ended.
      await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
      signal.throwIfAborted();
    },
  };
}
