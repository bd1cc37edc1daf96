/** Runs the commands of a service with what its form says, and with nothing else of Luna's in their environment. */
import { existsSync, statSync } from "node:fs";
import { resolve } from "node:path";
import type { Deployment } from "../../caddy/address.ts";
import { baseEnvironment } from "../../config/environment.ts";
import { processMark } from "../../config/mark.ts";
import type { CommandName, ServiceDefinition } from "../../contract/external-service.ts";
import { type FilledConfig, uiPort } from "../../external-services/config-form.ts";
import { type CommandEnd, endInWords, runCommand } from "../../external-services/run-command.ts";
import { type FilledCommand, fillCommand, type Values } from "../../external-services/template.ts";
import { InvalidInputError } from "../../lib/errors.ts";
import { type SpecContext, settingsOf } from "../core-services.ts";
import { ServiceLog } from "./service-log.ts";

const UNINSTALL_TIMEOUT_MS = 60_000;
const HEALTH_TIMEOUT_MS = 10_000;
const STARTUP_TIMEOUT_MS = 30_000;
/** What Docker's own client looks at, to find its daemon. */
const OF_DOCKER = /^(?:DOCKER_|XDG_RUNTIME_DIR$)/;

/** These may leave a service running. */
const STARTING: ReadonlySet<CommandName> = new Set(["start", "restart"]);

export interface Service {
  name: string;
  definition: ServiceDefinition;
  config: FilledConfig;
}

export interface RunOptions {
  signal?: AbortSignal | undefined;
  log?: ((line: string) => void) | undefined;
  /** Leaves no trace in the log, as it is done all the time. */
  quiet?: boolean;
}

interface ServiceCommandsOptions {
  context: Pick<SpecContext, "environment" | "envFile" | "paths">;
  deployment: Pick<Deployment, "mode" | "publicDomain">;
  secrets(): readonly string[];
}

/** The mark of all that a service's commands start. */
export function serviceMark(home: string, name: string): string {
  return processMark(home, `external-service_${name}`);
}

function timeoutOf(
  which: CommandName,
  { install_timeout, start_timeout }: ServiceDefinition,
): number {
  switch (which) {
    case "install":
      return install_timeout * 1000;
    case "start":
    case "stop":
    case "restart":
      return start_timeout * 1000;
    case "uninstall":
      return UNINSTALL_TIMEOUT_MS;
    case "health_check":
      return HEALTH_TIMEOUT_MS;
    case "enable_startup":
    case "disable_startup":
      return STARTUP_TIMEOUT_MS;
  }
}

export class ServiceCommands {
  readonly #options: ServiceCommandsOptions;

  constructor(options: ServiceCommandsOptions) {
    this.#options = options;
  }

  /** @throws InvalidInputError when any command could not be filled with what the form says */
  check(service: Service): void {
    for (const which of ["install", "start", "stop", "restart", "uninstall"] as const) {
      if (service.definition.commands[which] !== undefined) this.#fill(service, which);
    }
    this.#fill(service, "health_check");
  }

  /** undefined when the definition has no such command. */
  async run(
    service: Service,
    which: CommandName,
    options: RunOptions = {},
  ): Promise<CommandEnd | undefined> {
    const text = service.definition.commands[which];
    if (text === undefined) return undefined;
    const filled = this.#fill(service, which);
    return this.#run(service, { ...filled, which, shown: text, ...options });
  }

  /** Runs a line of Luna's own about the service. */
  async runOwn(service: Service, command: FilledCommand, options: RunOptions): Promise<CommandEnd> {
    return this.#run(service, {
      ...command,
      which: "health_check",
      shown: command.text,
      ...options,
    });
  }

  /** Adds a line to the service's log. */
  note(name: string, message: string): void {
    const log = this.#log(name, undefined);
    log.note(message);
    log.close();
  }

  async #run(
    service: Service,
    run: FilledCommand & RunOptions & { which: CommandName; shown: string },
  ): Promise<CommandEnd> {
    const { name, definition } = service;
    const { which, shown, signal, quiet = false } = run;
    const common = {
      ...{ text: run.text, cwd: this.#folderOf(definition), signal },
      environment: { ...(await this.#environment(definition)), ...run.environment },
      mark: serviceMark(this.#options.context.paths.home, name),
      timeoutMs: timeoutOf(which, definition),
    };
    if (quiet) return runCommand({ ...common, output: { line: () => undefined } });
    const log = this.#log(name, run.log);
    try {
      log.note(`${which}: ${shown}`);
      if (!STARTING.has(which)) {
        const end = await runCommand({ ...common, output: { line: (line) => log.line(line) } });
        log.note(`${which}: ${endInWords(end)}`);
        return end;
      }
      const end = await runCommand({ ...common, output: { descriptor: log.descriptor } });
      const said = withoutNotes(log.said());
      for (const line of said.split("\n")) if (line !== "") run.log?.(line);
      log.note(`${which}: ${endInWords(end)}`);
      return { ...end, said };
    } finally {
      log.close();
    }
  }

  #log(name: string, follow: ((line: string) => void) | undefined): ServiceLog {
    const { context, secrets } = this.#options;
    return new ServiceLog({ path: context.paths.externalService(name).log, name, secrets, follow });
  }

  #fill(service: Service, which: CommandName): FilledCommand {
    const what = `the ${which} command of "${service.name}"`;
    return fillCommand(service.definition.commands[which] ?? "", this.valuesOf(service), what);
  }

  /** What a template can name: the form's fields, then what Luna knows. */
  valuesOf({ name, definition, config }: Service): Values {
    const { context, deployment } = this.#options;
    const files = context.paths.externalService(name);
    const port = uiPort(definition, config);
    const values = new Map<string, string>([
      ["service_name", name],
      ["container_name", containerNameOf(name)],
      ["service_dir", files.folder],
      ["data_dir", files.data],
      ["repo_root", context.paths.home],
      ["public_domain", deployment.publicDomain],
      ["deployment_mode", deployment.mode],
      ["config_file", files.config],
      ["working_dir", this.#resolved(definition)],
      ...(port === undefined ? [] : [["port", String(port)] as const]),
    ]);
    for (const [key, value] of Object.entries(config)) values.set(key.toLowerCase(), String(value));
    return values;
  }

  #resolved({ working_dir }: ServiceDefinition): string {
    return resolve(this.#options.context.paths.home, working_dir ?? ".");
  }

  #folderOf(definition: ServiceDefinition): string {
    const folder = this.#resolved(definition);
    if (existsSync(folder) && statSync(folder).isDirectory()) return folder;
    throw new InvalidInputError(
      `Cannot run the commands of "${definition.name}": their working_dir "${folder}" is no folder`,
    );
  }

  async #environment({ required_vars }: ServiceDefinition): Promise<Record<string, string>> {
    const { context } = this.#options;
    const docker = Object.entries(context.environment.variables).flatMap(([name, value]) =>
      OF_DOCKER.test(name) && value !== undefined ? [[name, value] as const] : [],
    );
    return {
      ...baseEnvironment(context.environment),
      ...Object.fromEntries(docker),
      ...(await settingsOf(context, required_vars)),
    };
  }
}

/** What the placeholder `{{container_name}}` stands for. */
export function containerNameOf(name: string): string {
  return `luna-${name}`;
}

/** Luna's own lines begin so (src/lib/log.ts). */
function withoutNotes(text: string): string {
  return text
    .split("\n")
    .filter((line) => !line.startsWith('{"time":'))
    .join("\n");
}
