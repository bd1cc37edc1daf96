/** The update of Luna's own program in this home, and the new program's proof that it works. */
import { baseEnvironment, ownProgram } from "../config/environment.ts";
import { githubApiUrl } from "../config/github.ts";
import type { MasterConfigStore } from "../config/master-config.ts";
import { VERSION } from "../config/version.ts";
import { CoreUpdate } from "../core-update/core-update.ts";
import type { Logger } from "../lib/log.ts";
import { type SpecContext, settingsOf } from "./core-services.ts";
import type { ProcessTable } from "./process/process-table.ts";

const POLL_MS = 200;
/** It has to be well at each of so many looks in a row. */
const LOOKS_MIN = 5;

export function coreUpdateOf(
  context: Pick<SpecContext, "environment" | "envFile" | "paths">,
  config: MasterConfigStore,
): CoreUpdate {
  return new CoreUpdate({
    file: context.paths.coreUpdate,
    program: ownProgram,
    version: VERSION,
    environment: baseEnvironment(context.environment),
    source: async () => {
      const variables = await settingsOf(context, ["GITHUB_URL", "GITHUB_API_URL"]);
      const { updates } = await config.read();
      return { apiUrl: githubApiUrl(variables), repository: updates.core_repository };
    },
    platform: process.platform,
    arch: process.arch,
  });
}

function isWell(processes: Pick<ProcessTable, "views">): boolean {
  const own = processes.views().filter(({ kind }) => kind === "core" || kind === "caddy");
  return own.every(({ status, health }) => status === "running" && health === "healthy");
}

interface Trial {
  update: CoreUpdate;
  processes: Pick<ProcessTable, "views">;
  log: Logger;
  /** In milliseconds; the bootstrap takes back what is not well by then. */
  graceMs: number;
}

/** For a program that is on trial: says that it works once all of its own is well. */
export async function proveItself({ update, processes, log, graceMs }: Trial): Promise<void> {
  const found = await update.read();
  if (found?.state !== "trying" || found.to !== VERSION) return;
  const deadline = performance.now() + graceMs;
  for (let looks = 0; looks < LOOKS_MIN; looks = isWell(processes) ? looks + 1 : 0) {
    if (performance.now() > deadline) return;
    await Bun.sleep(POLL_MS);
  }
  await update.keep();
  log.info(`Luna ${VERSION} works; it stays`, { from: found.from });
}
