/** The supervisor's share in the keys of `.env`: read before anything starts with them. */
import type { ProcessTable } from "../process/process-table.ts";
import type { ToolHosts } from "../tool-hosts.ts";
import { SecretEffects } from "./effects.ts";
import { Secrets, type SecretsOptions } from "./secrets.ts";

interface ReadOptions extends Omit<SecretsOptions, "effects"> {
  processes: ProcessTable;
  toolHosts: ToolHosts;
}

export async function readSecrets({ processes, toolHosts, ...options }: ReadOptions) {
  const effects = new SecretEffects({ processes, toolHosts });
  const secrets = new Secrets({ ...options, effects });
  await secrets.sync();
  return secrets;
}
