/** What the configuration, `.env` and the environment together say of this Luna. */
import { z } from "zod";
import type { Deployment } from "../caddy/address.ts";
import type { MasterConfigStore } from "../config/master-config.ts";
import { movedPorts } from "../config/ports.ts";
import { DeploymentMode, MasterConfig } from "../contract/config.ts";
import type { Overview } from "../contract/process.ts";
import { InvalidInputError, messageOf } from "../lib/errors.ts";
import { explain } from "../lib/explain.ts";
import { type SpecContext, settingsOf } from "./core-services.ts";

const Settings = z.object({
  DEPLOYMENT_MODE: DeploymentMode.optional(),
  PUBLIC_DOMAIN: z.string().optional(),
  CLOUDFLARE_TUNNEL: z.string().optional(),
  OPENAI_API_KEY: z.string().optional(),
  OPENAI_BASE_URL: z.string().optional(),
  LLM_DEFAULT_MODEL: z.string().optional(),
});

async function readSettings(context: SpecContext): Promise<z.output<typeof Settings>> {
  const parsed = Settings.safeParse(await settingsOf(context, Object.keys(Settings.shape)));
  if (parsed.success) return parsed.data;
  throw new InvalidInputError(
    `Cannot use the settings of "${context.paths.env}" and the environment: ${explain(parsed.error)}`,
  );
}

/** The configuration, or its defaults when the file is broken: what runs must not hang on one file. */
export async function readConfig(
  config: MasterConfigStore,
  note: (text: string) => void,
): Promise<MasterConfig> {
  try {
    return await config.read();
  } catch (error) {
    note(messageOf(error));
    return MasterConfig.parse({});
  }
}

/** Mode and domain; the environment wins over the file (specification 4.2). */
export async function deploymentOf(
  context: SpecContext,
  config: MasterConfig,
): Promise<Deployment> {
  const settings = await readSettings(context);
  return {
    mode: settings.DEPLOYMENT_MODE ?? config.deployment_mode,
    publicDomain: settings.PUBLIC_DOMAIN ?? config.public_domain,
    ports: context.ports,
    cloudflareTunnel: settings.CLOUDFLARE_TUNNEL === "true",
  };
}

/** The model that agents use, as far as it is set; a local Ollama is found by the agent API itself. */
export async function modelOf(
  context: SpecContext,
  config: MasterConfigStore,
): Promise<Overview["model"]> {
  const { OPENAI_API_KEY, OPENAI_BASE_URL, LLM_DEFAULT_MODEL } = await readSettings(context);
  const configured = (OPENAI_API_KEY ?? OPENAI_BASE_URL) !== undefined;
  if (!configured) return { configured, name: null };
  const { luna } = await readConfig(config, () => undefined);
  return { configured, name: LLM_DEFAULT_MODEL ?? luna.default_llm };
}

/** The ports of extensions' processes, as far as the configuration could be read. */
export function assignedPorts(config: MasterConfig | undefined, offset: number) {
  const { extensions = {}, services = {} } = config?.port_assignments ?? {};
  return { extensions: movedPorts(extensions, offset), services: movedPorts(services, offset) };
}
