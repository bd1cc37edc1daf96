/** The supervisor's share in master_config.json: read at the start, kept in view, changed over HTTP. */
import type { AuditTrail } from "../audit/trail.ts";
import { publicUrl } from "../caddy/address.ts";
import { MasterConfigStore } from "../config/master-config.ts";
import { SupervisionSettings } from "../contract/config.ts";
import type { Logger } from "../lib/log.ts";
import { ConfigChanges } from "./config-changes.ts";
import { recordConfigEdits } from "./config-edits.ts";
import type { SpecContext } from "./core-services.ts";
import { RestartSettings } from "./restart-settings.ts";
import { deploymentOf, readConfig } from "./settings.ts";

interface ConfigurationOptions {
  context: SpecContext;
  audit: Pick<AuditTrail, "record">;
  log: Logger;
}

/** The store, and what this start goes by. */
export async function openConfiguration({ context, audit, log }: ConfigurationOptions) {
  const { paths } = context;
  const config = new MasterConfigStore(paths.masterConfig, recordConfigEdits(audit));
  const atStart = await readConfig(config, log.error);
  const deployment = await deploymentOf(context, atStart);
  const restart = new RestartSettings(context);
  await restart.begin(atStart);
  const supervision = SupervisionSettings.parse({});
  return {
    ...{ config, deployment, public_url: publicUrl(deployment) },
    supervision: () => config.last?.supervision ?? supervision,
    changes: (own: { secrets(): readonly string[]; onChange(): void }) =>
      new ConfigChanges({ paths, config, restart, log, ...own }),
  };
}
