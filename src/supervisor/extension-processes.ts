/** Runs the UIs and services of enabled extensions, each on its own port (specification 4.2, 7.1; contract 4.3, 4.5). */
import { existsSync } from "node:fs";
import { chmod, readFile } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { baseEnvironment } from "../config/environment.ts";
import { processMark } from "../config/mark.ts";
import type { MasterConfigStore } from "../config/master-config.ts";
import { PORT_RANGES } from "../config/ports.ts";
import type { MasterConfig } from "../contract/config.ts";
import type { RoutesFile } from "../contract/routes.ts";
import type { Extension } from "../extensions/discovery.ts";
import { readManifest } from "../extensions/manifest.ts";
import { type OwnProcess, ownProcesses } from "../extensions/own-processes.ts";
import { secretNames, secretsFor } from "../extensions/secrets.ts";
import { messageOf } from "../lib/errors.ts";
import { writeJsonAtomic } from "../lib/files.ts";
import { holderOfPort } from "../lib/proc.ts";
import { pythonVariables } from "../python/variables.ts";
import { type SpecContext, settingsOf } from "./core-services.ts";
import { extensionRoutes } from "./extension-routes.ts";
import type { HeldExtensions } from "./held-extensions.ts";
import { lunaPorts } from "./luna-ports.ts";
import { assignPort, releasePorts } from "./port-assignment.ts";
import type { ManagedProcess, ProcessSpec } from "./process/managed-process.ts";
import type { Probe } from "./process/probe.ts";
import type { ProcessTable } from "./process/process-table.ts";

const STOP_GRACE_MS = 2_500;
const EXECUTABLE = 0o755;
/** What a service may set for itself, in place of master_config's `supervision`. */
const OWN_SETTINGS = [
  "start_timeout_ms",
  "probe_period_ms",
  "probe_timeout_ms",
  "probe_failures_max",
] as const;

interface ExtensionProcessesOptions {
  context: SpecContext;
  config: MasterConfigStore;
  processes: ProcessTable;
  held: HeldExtensions;
}

/** The name in state.json: `<extension>_ui` or `<extension>__service_<service>` (contract 4.4). */
export function processName({ extension, service }: OwnProcess): string {
  return service === undefined ? `${extension}_ui` : `${extension}__service_${service}`;
}

/** The name in `port_assignments`: `<extension>`, or `<extension>.<service>` (contract 4.3). */
function portName({ extension, service }: OwnProcess): string {
  return service === undefined ? extension : `${extension}.${service}`;
}

export class ExtensionProcesses {
  readonly #options: ExtensionProcessesOptions;

  constructor(options: ExtensionProcessesOptions) {
    this.#options = options;
  }

  /**
   * Assigns ports, writes the routes and starts what is enabled; answers with what cannot be used.
   * @param changed whose settings are others than when they were started
   */
  async start(
    extensions: readonly Extension[],
    changed: ReadonlySet<string> = new Set(),
  ): Promise<string[]> {
    const { config, processes, context, held } = this.#options;
    const { extensions: entries } = await config.read();
    const enabled = extensions.filter(({ name }) => entries[name]?.enabled === true);
    const found = await Promise.all(enabled.map(ownProcesses));
    const installed = new Set(extensions.map(({ name }) => name));
    const { wanted, problems } = await this.#assignPorts(
      found.flatMap((one) => one.processes),
      installed,
    );
    const { port_assignments } = await config.read();
    const routes = extensionRoutes(enabled, wanted, (one) => this.#portOf(one, port_assignments));
    await writeJsonAtomic(context.paths.routes, routes satisfies RoutesFile);
    await this.#endUnwanted(entries, wanted.map(processName));
    for (const one of wanted) {
      if (held.has(one.extension)) continue;
      const port = this.#portOf(one, port_assignments);
      // Of an earlier call, before something was set otherwise or a file that kept others out was mended.
      const present = processes.get(processName(one));
      if (present !== undefined && (await this.#goesOn(present, { port, changed }))) continue;
      processes.startUnlessStopped(processes.add(await this.#spec(one, port)));
    }
    return [...found.flatMap((one) => one.problems.map(({ message }) => message)), ...problems];
  }

  /** Whether it may stay as it is; with other settings it starts again, with another port it ends to begin anew. */
  async #goesOn(
    present: ManagedProcess,
    { port, changed }: { port: number | null; changed: ReadonlySet<string> },
  ): Promise<boolean> {
    const { spec, state } = present;
    if (spec.port === port) {
      if (changed.has(spec.extension ?? "") && state !== "stopped") present.restart();
      return true;
    }
    await present.stop();
    this.#options.processes.remove(spec.name);
    return false;
  }

  /** Ends what is not there or not enabled any more; what only cannot be read at the moment goes on. */
  async #endUnwanted(entries: MasterConfig["extensions"], wanted: string[]): Promise<void> {
    const { processes } = this.#options;
    const unwanted = processes.all().filter(({ spec: { name, kind, extension = "", cwd } }) => {
      if ((kind !== "ui" && kind !== "service") || wanted.includes(name)) return false;
      return entries[extension]?.enabled !== true || !existsSync(join(cwd, "start.sh"));
    });
    await Promise.all(
      unwanted.map(async (one) => {
        await one.stop();
        processes.forget(one.spec.name);
      }),
    );
  }

  /** Gives each its port, and leaves out those for which there is none. */
  async #assignPorts(all: readonly OwnProcess[], installed: ReadonlySet<string>) {
    const { config, context } = this.#options;
    const isFree = (port: number): boolean =>
      holderOfPort(port + context.environment.portOffset) === undefined;
    const isThere = (name: string): boolean => this.#isThere(name, installed);
    const before = (await config.read()).port_assignments;
    const assigned = structuredClone(before);
    assigned.extensions = releasePorts(assigned.extensions, isThere);
    assigned.services = releasePorts(assigned.services, isThere);
    const problems: string[] = [];
    const wanted = all.filter((one) => {
      const kind = one.service === undefined ? "extensions" : "services";
      const name = portName(one);
      if (!one.config.requires_port) {
        assigned[kind][name] = null;
        return true;
      }
      try {
        const range = PORT_RANGES[kind];
        assigned[kind][name] = assignPort(name, { assigned: assigned[kind], range, isFree });
        return true;
      } catch (error) {
        problems.push(messageOf(error));
        return false;
      }
    });
    if (!Bun.deepEquals(assigned, before)) {
      await config.update((draft) => {
        draft.port_assignments = assigned;
      });
    }
    return { wanted, problems };
  }

  /** Whether a port's owner, `<extension>` or `<extension>.<service>`, is still installed. */
  #isThere(name: string, installed: ReadonlySet<string>): boolean {
    const { context, held } = this.#options;
    const [extension = "", service] = name.split(".");
    if (held.has(extension)) return true;
    const folder = service === undefined ? "ui" : join("services", service);
    return (
      installed.has(extension) && existsSync(join(context.paths.extensions, extension, folder))
    );
  }

  /** The port that it listens on now, `LUNA_PORT_OFFSET` included. */
  #portOf(one: OwnProcess, ports: MasterConfig["port_assignments"]): number | null {
    const kind = one.service === undefined ? "extensions" : "services";
    const port = ports[kind][portName(one)] ?? null;
    return port === null ? null : port + this.#options.context.environment.portOffset;
  }

  async #spec(one: OwnProcess, port: number | null): Promise<ProcessSpec> {
    const { paths } = this.#options.context;
    const name = processName(one);
    const { extension, service, folder, config } = one;
    const own = OWN_SETTINGS.flatMap((key) =>
      config[key] === undefined ? [] : [[key, config[key]] as const],
    );
    return {
      name,
      label: service === undefined ? `${extension} UI` : `${extension} ${service}`,
      kind: service === undefined ? "ui" : "service",
      extension,
      command: await startCommand(folder, port),
      cwd: folder,
      environment: () => this.#environment(extension),
      log: paths.log(name),
      mark: processMark(paths.home, name),
      port,
      path: publicPath(one, port),
      probe: probeOf(one, port),
      supervision: Object.fromEntries(own),
      stop_grace_ms: STOP_GRACE_MS,
      restart: config.restart_on_failure ? "always" : "on_demand",
    };
  }

  /** Luna's own `bun` comes first on the path, and everybody's ports are in `LUNA_PORTS`. */
  async #environment(extension: string): Promise<Record<string, string>> {
    const { context, config } = this.#options;
    const { paths, environment } = context;
    const base = baseEnvironment(environment);
    const manifest = await readManifest(join(paths.extensions, extension));
    const read = await config.read();
    const path = [paths.bin, base["PATH"] ?? ""].join(delimiter);
    const folder = join(paths.extensions, extension);
    return {
      ...{ ...base, TIME_ZONE: read.luna.timezone },
      ...secretsFor(manifest, await settingsOf(context, secretNames(manifest))),
      PATH: path,
      ...(await pythonVariables({ folder, environment, paths, path })),
      LUNA_EXTENSION: extension,
      LUNA_PORTS: lunaPorts(context, read),
    };
  }
}

/** A script without an interpreter line is the shell's. */
async function startCommand(folder: string, port: number | null): Promise<string[]> {
  const script = join(folder, "start.sh");
  await chmod(script, EXECUTABLE);
  const hasInterpreter = (await readFile(script, "utf8")).startsWith("#!");
  return [
    ...(hasInterpreter ? [script] : ["sh", script]),
    ...(port === null ? [] : [String(port)]),
  ];
}

function probeOf({ config }: OwnProcess, port: number | null): Probe {
  if (port === null) return { alive: true };
  const { health_check } = config;
  return health_check === undefined ? { port } : { url: `http://127.0.0.1:${port}${health_check}` };
}

function publicPath({ extension, service }: OwnProcess, port: number | null): string | null {
  if (port === null) return null;
  return service === undefined ? `/ext/${extension}/` : `/api/${extension}/${service}/`;
}
