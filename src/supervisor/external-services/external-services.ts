/** External services as the rest of Luna sees them: one operation at a time on each, and what there is to know of all. */

import type { z } from "zod";
import type {
  AvailableServices,
  RegistryEntry,
  RegistryFile,
  ServiceActivity,
  ServiceChanged,
  ServiceConfig,
  ServiceEnabled,
  ServiceInstalled,
  ServiceStatus,
  ServiceStatusView,
  ServiceUninstalled,
  ServiceUploaded,
  ServiceView,
} from "../../contract/external-service.ts";
import { maskedConfig, secretsIn } from "../../external-services/config-form.ts";
import { notesOf, parseDefinition } from "../../external-services/definition.ts";
import { checkedName } from "../../external-services/definitions.ts";
import { ConflictError, LunaError, messageOf, NotFoundError } from "../../lib/errors.ts";
import { redact } from "../../lib/log.ts";
import { lastLines } from "../process/log-tail.ts";
import { maskOf } from "../secrets/mask.ts";
import { Installation } from "./installation.ts";
import { Monitor, type Sight } from "./monitor.ts";
import { type Parts, storedConfig } from "./parts.ts";
import { RunningServices } from "./running.ts";
import { type RunOptions, serviceMark } from "./service-commands.ts";

interface ExternalServicesOptions {
  parts: Parts;
  /** Between two looks at a service that is well. */
  periodMs(): number;
  clock(): number;
  /** After each change that somebody may want to see. */
  onChange(): void;
}

export interface InstallRequest extends Pick<RunOptions, "log" | "signal"> {
  config?: ServiceConfig;
  /** Laid down first, unless there is this very one already. */
  definition?: Readonly<Record<string, unknown>> | undefined;
}

export class ExternalServices {
  readonly #parts: Parts;
  readonly #running: RunningServices;
  readonly #installation: Installation;
  readonly #monitor: Monitor;
  readonly #onChange: () => void;
  /** What Luna does by itself, which gives way to a person. */
  readonly #byItself = new Map<string, { abort: AbortController; done: Promise<void> }>();
  #isLoaded = false;
  readonly #busy = new Map<string, ServiceActivity>();

  constructor({ parts, onChange, ...timing }: ExternalServicesOptions) {
    this.#parts = parts;
    this.#onChange = onChange;
    this.#running = new RunningServices(parts);
    this.#installation = new Installation(parts, this.#running);
    this.#monitor = new Monitor({
      ...{ parts, ...timing, running: this.#running, onChange },
      isBusy: (name) => this.#busy.has(name),
      startAgain: (name) => this.#startAgain(name),
    });
  }

  /** Reads what is installed (specification 4.2, step 7), and what of it is secret. */
  async load(): Promise<void> {
    const { registry, known, definitions } = this.#parts;
    const { byName } = await definitions.read();
    for (const name of Object.keys(await registry.read())) {
      const definition = byName.get(name)?.definition;
      const config = await storedConfig(this.#parts, name).catch(() => undefined);
      if (definition !== undefined) known.add(secretsIn(definition, config ?? {}));
    }
    await registry.writeRoutes();
    this.#isLoaded = true;
  }

  /** Looks at all of it from now on (step 8); afresh, whatever was written down. */
  readonly watch = (): void => this.#monitor.start(Object.keys(this.#parts.registry.last));

  /** Ends what services run as processes of Luna's own; what Docker runs goes on. */
  async stop(): Promise<void> {
    this.#monitor.stop();
    const names = Object.keys(this.#parts.registry.last);
    await Promise.all(names.map((name) => this.#running.endProcesses(name)));
  }

  /** Whether the process with this mark belongs to a service that should run, as far as anybody can tell. */
  readonly isWanted = (mark: string): boolean => {
    const { registry, context } = this.#parts;
    const { home } = context.paths;
    if (!this.#isLoaded) return mark.startsWith(serviceMark(home, ""));
    // Also what a command of somebody's runs at this moment, who asked as soon as Luna was there.
    return Object.entries(registry.last).some(
      ([name, { should_run }]) =>
        (should_run || this.#busy.has(name)) && mark === serviceMark(home, name),
    );
  };

  async available(): Promise<AvailableServices> {
    const { byName, problems } = await this.#parts.definitions.read();
    const installed = await this.#parts.registry.read();
    const services = [...byName.values()].map(({ definition, bundled }) => ({
      ...{ ...definition, bundled },
      installed: installed[definition.name]?.installed === true,
    }));
    return { services, problems: [...problems] };
  }

  async installed(): Promise<RegistryFile> {
    const registry = await this.#parts.registry.read();
    return Object.fromEntries(
      Object.entries(registry).map(([name, entry]) => [name, this.#asSeen(name, entry)]),
    );
  }

  /** What an earlier supervisor wrote down may not be so any more. */
  #asSeen(name: string, entry: RegistryEntry): RegistryEntry {
    const last_health_check = this.#monitor.sightOf(name)?.checked_at ?? entry.last_health_check;
    const status = this.#monitor.knows(name) ? entry.status : "unknown";
    return { ...entry, status, last_health_check };
  }

  /** What the last look at each found. */
  sightOf(name: string): Sight | undefined {
    return this.#monitor.sightOf(name);
  }

  async view(name: string): Promise<ServiceView> {
    const entry = (await this.installed())[checkedName(name)] ?? null;
    const definition = await this.#parts.definitions.require(name).catch((error: unknown) => {
      // One whose definition is broken can still be looked at, and uninstalled.
      if (entry !== null && error instanceof LunaError) return null;
      throw error;
    });
    const config = (await storedConfig(this.#parts, name)) ?? null;
    return {
      definition,
      form: definition?.config_form ?? { fields: [] },
      installed: entry?.installed === true,
      config: config === null || definition === null ? null : maskedConfig(definition, config),
      registry_entry: entry,
      ui_route: entry?.ui ?? null,
      activity: this.#busy.get(name) ?? null,
    };
  }

  async status(name: string): Promise<z.infer<typeof ServiceStatusView>> {
    const entry = (await this.installed())[checkedName(name)];
    if (entry === undefined)
      throw new NotFoundError(`Cannot tell of "${name}": it is not installed`);
    const { status, enabled, last_health_check, ui = null } = entry;
    return { status, enabled, last_check: last_health_check, ui };
  }

  async logs(name: string, lines: number): Promise<{ logs: string; path: string }> {
    const path = this.#parts.context.paths.externalService(checkedName(name)).log;
    const isKnown = (await this.#parts.registry.read())[name] !== undefined;
    if (!isKnown) await this.#parts.definitions.require(name);
    const text = lastLines(path, lines).map((line) => redact(line, this.#parts.known.values()));
    return { logs: text.join("\n"), path };
  }

  async install(
    name: string,
    config: ServiceConfig,
    options: RunOptions = {},
  ): Promise<ServiceInstalled> {
    return this.#alone(name, "installing", async () => {
      const { service, variables } = await this.#installation.install(name, config, options);
      const started = await this.#tryStart(name, options);
      const masked = Object.entries(variables).map(([key, value]) => [key, maskOf(key, value)]);
      return {
        success: true,
        message: `Service installed${started.note}`,
        config: maskedConfig(service.definition, service.config),
        env_assignments: Object.fromEntries(masked),
        ui_route: (await this.#parts.registry.read())[name]?.ui ?? null,
        status: started.status,
      };
    });
  }

  /** What was installed and cannot be started is installed all the same. */
  async #tryStart(
    name: string,
    options: RunOptions,
  ): Promise<{ status: ServiceStatus; note: string }> {
    try {
      const status = await this.#running.start(name, options);
      return { status, note: ` and started (status: ${status})` };
    } catch (error) {
      if (!(error instanceof LunaError)) throw error;
      return { status: "stopped", note: `, but not started: ${messageOf(error)}` };
    }
  }

  async uninstall(
    name: string,
    removeData: boolean,
    options: RunOptions = {},
  ): Promise<ServiceUninstalled> {
    return this.#alone(name, "uninstalling", async () => {
      const notes = await this.#installation.uninstall(name, removeData, options);
      return { success: true, message: "Service uninstalled successfully", notes };
    });
  }

  async startService(name: string): Promise<ServiceChanged> {
    const status = await this.#alone(name, "starting", () => this.#running.start(name));
    return { success: true, message: `Service started (status: ${status})`, status };
  }

  async stopService(name: string): Promise<ServiceChanged> {
    const status = await this.#alone(name, "stopping", () => this.#running.stop(name));
    return { success: true, message: "Service stopped", status };
  }

  async restartService(name: string): Promise<ServiceChanged> {
    const status = await this.#alone(name, "restarting", () => this.#running.restart(name));
    return { success: true, message: `Service restarted (status: ${status})`, status };
  }

  async enable(name: string, enabled: boolean): Promise<ServiceEnabled> {
    const activity = enabled ? "enabling" : "disabling";
    await this.#alone(name, activity, () => this.#running.enable(name, enabled));
    const done = enabled ? "starts" : "does not start";
    return { success: true, message: `Service ${done} with the machine`, enabled };
  }

  /** @throws InvalidInputError, ConflictError when there is one of that name */
  async upload(
    written: Readonly<Record<string, unknown>>,
    isPreview: boolean,
  ): Promise<ServiceUploaded> {
    const { definitions } = this.#parts;
    const definition = isPreview ? parseDefinition(written) : await definitions.add(written);
    const { name, commands, provides_vars } = definition;
    const texts = Object.entries(commands).flatMap(([command, text]) =>
      typeof text === "string" ? [[command, text] as const] : [],
    );
    return {
      ...{ success: true, message: isPreview ? "Nothing was written" : `Service ${name} uploaded` },
      ...{ name, commands: Object.fromEntries(texts), provides_vars, notes: notesOf(definition) },
    };
  }

  /** @throws ConflictError while it is installed */
  async removeDefinition(name: string): Promise<void> {
    const { registry, definitions } = this.#parts;
    if ((await registry.read())[checkedName(name)] !== undefined) {
      throw new ConflictError(
        `Cannot delete the service "${name}": it is installed; uninstall it first`,
      );
    }
    await definitions.remove(name);
  }

  /** For the queue: all of an installation, its definition included. */
  async installService(name: string, request: InstallRequest): Promise<void> {
    const { config = {}, definition, log, signal } = request;
    if (definition !== undefined) await this.#layDown(name, definition);
    await this.install(name, config, { log, signal });
  }

  async #layDown(name: string, written: Readonly<Record<string, unknown>>): Promise<void> {
    const { definitions } = this.#parts;
    const definition = parseDefinition(written);
    if (definition.name !== name) {
      throw new ConflictError(
        `Cannot install "${name}": its definition is of "${definition.name}"`,
      );
    }
    const present = (await definitions.read()).byName.get(name)?.definition;
    if (!Bun.deepEquals(present, definition)) await definitions.add(written);
  }

  /** For the queue: takes a service away again. */
  async removeService(
    name: string,
    {
      remove_data = false,
      log,
      signal,
    }: { remove_data?: boolean } & Pick<RunOptions, "log" | "signal"> = {},
  ): Promise<void> {
    await this.uninstall(name, remove_data, { log, signal });
  }

  /** @throws ConflictError while something else is being done with it */
  async #alone<Done>(
    name: string,
    activity: ServiceActivity,
    work: () => Promise<Done>,
  ): Promise<Done> {
    const own = this.#byItself.get(checkedName(name));
    own?.abort.abort();
    await own?.done;
    const current = this.#busy.get(name);
    if (current !== undefined) {
      throw new ConflictError(
        `Cannot change "${name}": it is ${current} just now; try again when that is done`,
      );
    }
    this.#busy.set(name, activity);
    this.#onChange();
    try {
      return await work();
    } finally {
      this.#busy.delete(name);
      if (this.#parts.registry.last[name] === undefined) this.#monitor.forget(name);
      else if (activity !== "enabling" && activity !== "disabling") this.#monitor.renew(name);
      this.#onChange();
    }
  }

  /** What the monitor has decided. */
  async #startAgain(name: string): Promise<void> {
    if (this.#busy.has(name)) return;
    const abort = new AbortController();
    const done = this.#tryRestart(name, abort.signal);
    this.#byItself.set(name, { abort, done });
    await done;
    this.#byItself.delete(name);
  }

  /** A failure is seen by the monitor's next look. */
  async #tryRestart(name: string, signal: AbortSignal): Promise<void> {
    this.#busy.set(name, "restarting");
    this.#onChange();
    try {
      this.#parts.commands.note(name, "It is started again, as it is not well");
      await this.#running.restart(name, { signal });
    } catch (error) {
      this.#parts.log.warn(messageOf(error));
    } finally {
      this.#busy.delete(name);
      this.#onChange();
    }
  }
}
