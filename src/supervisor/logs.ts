/** The supervisor's share in logs: their size, questions for them, and what viewers may not see of them. */
import type { MasterConfigStore } from "../config/master-config.ts";
import { LogSettings } from "../contract/config.ts";
import type { Logger } from "../lib/log.ts";
import { LogRotator } from "../log-files/rotator.ts";
import type { SpecContext } from "./core-services.ts";
import { LogQueries } from "./log-queries.ts";

/** All parts, nothing of them acting yet. */
export function createLogs(options: {
  context: SpecContext;
  config: MasterConfigStore;
  log: Logger;
  secrets(): readonly string[];
}) {
  const { context, config, log, secrets } = options;
  const { environment, paths } = context;
  const settings = LogSettings.parse({});
  return {
    rotator: new LogRotator({
      folders: paths.logFolders,
      settings: () => config.last?.logs ?? settings,
      log,
    }),
    logQueries: new LogQueries({ environment, paths, secrets }),
    logs: { folders: paths.logFolders, secrets },
  };
}
