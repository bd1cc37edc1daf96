/** What the parts of external services share, and how a service is looked up before anything is done with it. */
import type { MasterConfigStore } from "../../config/master-config.ts";
import {
  type RegistryEntry,
  ServiceConfigFile,
  type ServiceDefinition,
} from "../../contract/external-service.ts";
import type { FilledConfig } from "../../external-services/config-form.ts";
import { usesDocker } from "../../external-services/definition.ts";
import { checkedName, type Definitions } from "../../external-services/definitions.ts";
import type { Registry } from "../../external-services/registry.ts";
import { ConflictError, messageOf, UnavailableError } from "../../lib/errors.ts";
import { readJsonIfThere } from "../../lib/files.ts";
import type { Logger } from "../../lib/log.ts";
import type { SpecContext } from "../core-services.ts";
import type { KnownSecrets } from "../secrets/known-secrets.ts";
import type { Secrets } from "../secrets/secrets.ts";
import type { Docker } from "./docker.ts";
import type { Service, ServiceCommands } from "./service-commands.ts";

export interface Parts {
  context: Pick<SpecContext, "environment" | "envFile" | "paths">;
  definitions: Definitions;
  registry: Registry;
  commands: ServiceCommands;
  docker: Docker;
  secrets: Pick<Secrets, "assign">;
  known: KnownSecrets;
  config: Pick<MasterConfigStore, "update">;
  log: Logger;
}

export interface InstalledService extends Service {
  entry: RegistryEntry;
}

/** What was saved of the form; nothing when it was never installed. */
export async function storedConfig(
  { context }: Pick<Parts, "context">,
  name: string,
): Promise<FilledConfig | undefined> {
  const file = await readJsonIfThere(context.paths.externalService(name).config, ServiceConfigFile);
  if (file === undefined) return undefined;
  const { installed_at: _ours, ...values } = file;
  const kept = Object.entries(values).flatMap(([key, value]) =>
    typeof value === "string" || typeof value === "number" || typeof value === "boolean"
      ? [[key, value] as const]
      : [],
  );
  return Object.fromEntries(kept);
}

/** @throws NotFoundError for what is no service, ConflictError for one that is not installed */
export async function requireEntry(
  { definitions, registry }: Pick<Parts, "definitions" | "registry">,
  name: string,
  what: string,
): Promise<RegistryEntry> {
  const entry = (await registry.read())[checkedName(name)];
  if (entry !== undefined) return entry;
  await definitions.require(name);
  throw new ConflictError(`Cannot ${what} "${name}": it is not installed`);
}

/** An installed service with all that its commands need. */
export async function requireInstalled(
  parts: Parts,
  name: string,
  what: string,
): Promise<InstalledService> {
  const entry = await requireEntry(parts, name, what);
  if (!entry.installed) {
    throw new ConflictError(
      `Cannot ${what} "${name}": its installation did not succeed; install it again, or uninstall it`,
    );
  }
  const definition = await parts.definitions.require(name);
  return { name, entry, definition, config: (await storedConfig(parts, name)) ?? {} };
}

/** @throws UnavailableError when the service needs Docker and Docker cannot be used */
export async function requireDocker(
  { docker }: Pick<Parts, "docker">,
  definition: ServiceDefinition,
  what: string,
): Promise<void> {
  // Asked anew: somebody may just have mended it.
  const fault = usesDocker(definition) ? await docker.fault(0) : undefined;
  if (fault === undefined) return;
  throw new UnavailableError(
    `Cannot ${what} "${definition.name}": ${fault.title}. ${fault.detail} ${fault.fix}`,
    { code: "docker_unavailable" },
  );
}

/** Installed and enabled also stand in the configuration (specification 6.1), for whoever reads it there. */
export async function mirror(
  { config, log }: Pick<Parts, "config" | "log">,
  name: string,
  entry: RegistryEntry | undefined,
): Promise<void> {
  try {
    await config.update((draft) => {
      if (entry === undefined) delete draft.external_services[name];
      else {
        const { installed, enabled } = entry;
        const before = draft.external_services[name];
        const kept = typeof before === "object" && before !== null ? before : {};
        draft.external_services[name] = { ...kept, installed, enabled };
      }
    });
  } catch (error) {
    // A configuration that does not parse is told as such; the registry is what counts.
    log.warn(messageOf(error));
  }
}
