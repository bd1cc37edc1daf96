/** The supervisor's share in master_config.json: read at the start, kept in view, changed over HTTP. */
import type { AuditTrail } from "../audit/trail.ts";
import { publicUrl } from "../caddy/address.ts";
import { MasterConfigStore } from "../config/master-config.ts";
import { SupervisionSettings } from "../contract/config.ts";
import type { Logger } from "../lib/log.ts";
import { ConfigChanges } from "./config-changes.ts";
import { recordConfigEdits } from "./config-edits.ts";
import type { SpecContext } from "./core-services.ts";
import { Extensions } from "./extension-list.ts";
import type { ProcessTable } from "./process/process-table.ts";
import { RestartSettings } from "./restart-settings.ts";
import type { Secrets } from "./secrets/secrets.ts";
import { ServiceKeys } from "./service-keys.ts";
import { deploymentOf, readConfig } from "./settings.ts";
import type { ToolHosts } from "./tool-hosts.ts";

interface ConfigurationOptions {
  context: SpecContext;
  audit: Pick<AuditTrail, "record">;
  log: Logger;
}

interface AnsweringOptions {
  processes: Pick<ProcessTable, "views">;
  toolHosts: Pick<ToolHosts, "failureOf">;
  secrets: Pick<Secrets, "missing">;
  /** Values that are shown nowhere. */
  known(): readonly string[];
  onChange(): void;
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
    /** What the control API needs of it. */
    answering: ({ processes, toolHosts, secrets, known, onChange }: AnsweringOptions) => ({
      configChanges: new ConfigChanges({
        ...{ paths, config, restart, log },
        ...{ secrets: known, onChange },
      }),
      extensions: new Extensions({
        ...{ paths, config, processes },
        missingSecrets: () => secrets.missing,
        toolFailure: (extension) => toolHosts.failureOf(extension),
      }),
      serviceKeys: new ServiceKeys({ paths, config }),
    }),
  };
}
