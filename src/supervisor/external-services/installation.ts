/** Installing and uninstalling a service: what is written down at each step lets a start after a crash tell how far it came. */
import { mkdir, rm } from "node:fs/promises";
import type { RegistryEntry, ServiceConfig } from "../../contract/external-service.ts";
import { fillForm, secretsIn } from "../../external-services/config-form.ts";
import { checkedName } from "../../external-services/definitions.ts";
import { endInWords } from "../../external-services/run-command.ts";
import { fillText } from "../../external-services/template.ts";
import { uiRouteOf } from "../../external-services/ui-route.ts";
import { ConflictError, messageOf, UpstreamError } from "../../lib/errors.ts";
import { writeJsonAtomic } from "../../lib/files.ts";
import { placeOfPath, rotatedFiles } from "../../log-files/place.ts";
import { mirror, type Parts, requireDocker, requireEntry, storedConfig } from "./parts.ts";
import type { RunningServices } from "./running.ts";
import type { RunOptions, Service } from "./service-commands.ts";

const PRIVATE_FOLDER = 0o700;
const SAID_CHARACTERS = 1_000;
const INTERRUPTED = "Luna ended before the installation did";

export interface Installed {
  service: Service;
  /** Variables of `.env` and their values. */
  variables: Record<string, string>;
}

/** What the service gives to others by `.env`; what is empty it does not give. */
function variablesOf(service: Service, parts: Pick<Parts, "commands">): Record<string, string> {
  const { definition } = service;
  const values = parts.commands.valuesOf(service);
  const found = definition.provides_vars.map((name) => {
    const template = definition.post_install_env[name];
    const value =
      template === undefined ? values.get(name.toLowerCase()) : fillText(template, values);
    return [name, value ?? ""] as const;
  });
  return Object.fromEntries(found.filter(([, value]) => value !== ""));
}

export class Installation {
  readonly #parts: Parts;
  readonly #running: Pick<RunningServices, "endProcesses" | "stop">;

  constructor(parts: Parts, running: Pick<RunningServices, "endProcesses" | "stop">) {
    this.#parts = parts;
    this.#running = running;
  }

  /**
   * Installs it, or installs it again with another configuration.
   * @throws InvalidInputError for what the form says, ConflictError, UnavailableError, UpstreamError
   */
  async install(name: string, given: ServiceConfig, options: RunOptions = {}): Promise<Installed> {
    const parts = this.#parts;
    const definition = await parts.definitions.require(name);
    const before = (await parts.registry.read())[name];
    const stored = await storedConfig(parts, name);
    const config = fillForm(definition, given, stored);
    const service: Service = { name, definition, config };
    parts.known.add(secretsIn(definition, config));
    // Everything that can be refused is, before anything is changed.
    parts.commands.check(service);
    const variables = variablesOf(service, parts);
    await this.#refuseTaken(name, variables, before);
    await requireDocker(parts, definition, "install");

    if (before?.installed === true) await this.#running.stop(name, options);
    await this.#begin(service, variables, before);
    await this.#runInstall(service, options);
    const left = (before?.provided ?? []).filter((key) => variables[key] === undefined);
    const removed = Object.fromEntries(left.map((key) => [key, null]));
    await parts.secrets.assign({ ...variables, ...removed });
    await this.#finish(service, variables);
    return { service, variables };
  }

  /** A variable that somebody else has set stays theirs. */
  async #refuseTaken(
    name: string,
    variables: Readonly<Record<string, string>>,
    before: RegistryEntry | undefined,
  ): Promise<void> {
    const present = await this.#parts.context.envFile.read();
    const taken = Object.entries(variables).filter(([key, value]) => {
      const current = present[key] ?? "";
      return current !== "" && current !== value && before?.provided.includes(key) !== true;
    });
    if (taken.length === 0) return;
    const names = taken.map(([key]) => key).join(", ");
    throw new ConflictError(
      `Cannot install "${name}": it sets ${names} in .env, where they are set already; delete them first if they are not needed`,
    );
  }

  async #begin(
    { name, definition, config }: Service,
    variables: Readonly<Record<string, string>>,
    before: RegistryEntry | undefined,
  ): Promise<void> {
    const { context, definitions, registry } = this.#parts;
    const files = context.paths.externalService(name);
    await definitions.keep(name);
    await mkdir(files.data, { recursive: true, mode: PRIVATE_FOLDER });
    await writeJsonAtomic(files.config, { ...config, installed_at: new Date().toISOString() });
    const all = await registry.read();
    const ui = uiRouteOf(definition, { config, registry: all, now: new Date().toISOString() });
    const { ui: _before, ...rest } = before ?? {};
    await registry.update(name, () => ({
      ...{ enabled: false, ...rest, installed: false, installed_at: null },
      ...{ install_error: INTERRUPTED, status: "unknown", should_run: false },
      ...{ config_path: files.config, log_path: files.log, last_health_check: null },
      // Also of an installation that is cut off: so an uninstallation knows them.
      provided: [...new Set([...(before?.provided ?? []), ...Object.keys(variables)])],
      ...(ui === undefined ? {} : { ui }),
    }));
  }

  async #runInstall(service: Service, options: RunOptions): Promise<void> {
    const { commands, registry } = this.#parts;
    const end = await commands.run(service, "install", options);
    if (end?.how === "exit" && end.code === 0) return;
    const how = end === undefined ? "no command" : endInWords(end);
    const said = end?.said.trim().slice(-SAID_CHARACTERS) ?? "";
    const install_error = `its install command had ${how}${said === "" ? "" : `: ${said}`}`;
    await this.#running.endProcesses(service.name);
    await registry.update(service.name, (entry) =>
      entry === undefined ? undefined : { ...entry, install_error },
    );
    throw new UpstreamError(
      `Cannot install "${service.name}": ${install_error}; see its log with: luna logs ${service.name}`,
    );
  }

  async #finish({ name }: Service, variables: Readonly<Record<string, string>>): Promise<void> {
    const { registry } = this.#parts;
    const entry = await registry.update(name, (current) =>
      current === undefined
        ? undefined
        : {
            ...{ ...current, installed: true, install_error: null },
            ...{ installed_at: new Date().toISOString(), status: "stopped" as const },
            provided: Object.keys(variables),
          },
    );
    await mirror(this.#parts, name, entry);
  }

  /**
   * Takes it away; what a command of its own cannot do is noted and hinders nothing.
   * @returns what somebody may still have to do by hand, one sentence each
   */
  async uninstall(name: string, removeData: boolean, options: RunOptions = {}): Promise<string[]> {
    const parts = this.#parts;
    const entry = await requireEntry(parts, checkedName(name), "uninstall");
    const notes = await this.#runUninstall(name, options);
    await this.#running.endProcesses(name);
    notes.push(...(await this.#takeBack(name, entry)));
    await parts.registry.update(name, () => undefined);
    await mirror(parts, name, undefined);
    if (removeData) notes.push(...(await this.#removeData(name)));
    return notes;
  }

  /** Takes its variables out of `.env`, but for those that somebody has set anew since. */
  async #takeBack(name: string, { provided }: RegistryEntry): Promise<string[]> {
    const { context, secrets } = this.#parts;
    const present = await context.envFile.read();
    const own = await this.#knownVariables(name);
    const isChanged = (key: string): boolean =>
      own?.[key] !== undefined && present[key] !== undefined && present[key] !== own[key];
    const changed = provided.filter(isChanged);
    const gone = provided.filter((key) => !changed.includes(key)).map((key) => [key, null]);
    await secrets.assign(Object.fromEntries(gone));
    return changed.map((key) => `${key} was set anew since, and stays.`);
  }

  /** What it has given to others; undefined when its definition cannot tell any more. */
  async #knownVariables(name: string): Promise<Record<string, string> | undefined> {
    try {
      const definition = await this.#parts.definitions.require(name);
      const config = (await storedConfig(this.#parts, name)) ?? {};
      return variablesOf({ name, definition, config }, this.#parts);
    } catch {
      // The note on its commands says why.
      return undefined;
    }
  }

  async #runUninstall(name: string, options: RunOptions): Promise<string[]> {
    const { definitions, commands, registry, log } = this.#parts;
    const notes: string[] = [];
    const attempt = async (what: string, work: () => Promise<unknown>): Promise<void> => {
      try {
        await work();
      } catch (error) {
        log.warn(messageOf(error));
        notes.push(`${what}: ${messageOf(error)}`);
      }
    };
    await registry.update(name, (entry) =>
      entry === undefined ? undefined : { ...entry, should_run: false },
    );
    await attempt("Its own commands could not be run", async () => {
      const definition = await definitions.require(name);
      const service = { name, definition, config: (await storedConfig(this.#parts, name)) ?? {} };
      await attempt("It could not be stopped", () => commands.run(service, "stop", options));
      const end = await commands.run(service, "uninstall", options);
      if (end === undefined) {
        notes.push("It has no uninstall command, so only what Luna knows of it was removed.");
      } else if (end.how !== "exit" || end.code !== 0) {
        notes.push(`Its uninstall command had ${endInWords(end)}: ${end.said.trim()}`);
      }
    });
    return notes;
  }

  /** The definition stays, so that it can be installed again; the copy of one that comes with Luna does not. */
  async #removeData(name: string): Promise<string[]> {
    const { context, definitions } = this.#parts;
    const { config, data, log } = context.paths.externalService(name);
    const place = placeOfPath(log);
    const logs =
      place === undefined
        ? []
        : [log, place.journal, ...rotatedFiles(place).map(({ path }) => path)];
    const notes: string[] = [];
    for (const path of [config, data, ...logs]) {
      try {
        await rm(path, { recursive: true, force: true });
      } catch (error) {
        // Docker writes as other users.
        notes.push(`"${path}" could not be removed (${messageOf(error)}): sudo rm -rf "${path}"`);
      }
    }
    await definitions.removeCopy(name);
    return notes;
  }
}
