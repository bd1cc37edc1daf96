/** Starting, stopping and looking at an installed service, one thing at a time. */
import type { RegistryEntry, ServiceStatus } from "../../contract/external-service.ts";
import { usesDocker } from "../../external-services/definition.ts";
import { type Look, lookFrom, statusOf } from "../../external-services/health.ts";
import { type CommandEnd, endInWords, endMarkedAs } from "../../external-services/run-command.ts";
import { ConflictError, UpstreamError } from "../../lib/errors.ts";
import {
  type InstalledService,
  mirror,
  type Parts,
  requireDocker,
  requireInstalled,
} from "./parts.ts";
import { containerNameOf, type RunOptions, serviceMark } from "./service-commands.ts";

/** After a start, until a service has to be well, the health check is asked again and again. */
const FIRST_POLL_MS = 100;
const LAST_POLL_MS = 2_000;
const LOG_LINES = 50;
const SAID_CHARACTERS = 400;
/** Docker, of a container that an earlier start has made. */
const NAME_TAKEN = /container name "\/?([\w.-]+)" is already in use/;

function lastWords(said: string): string {
  const text = said.trim().slice(-SAID_CHARACTERS);
  return text === "" ? "" : `: ${text}`;
}

function isGood(end: CommandEnd | undefined): boolean {
  return end?.how === "exit" && end.code === 0;
}

export class RunningServices {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** How the service is now; undefined when its definition has no way to tell. */
  async look(service: InstalledService, signal?: AbortSignal): Promise<Look | undefined> {
    const { commands, docker } = this.#parts;
    const { definition } = service;
    const end = await commands.run(service, "health_check", { quiet: true, signal });
    if (end === undefined) return undefined;
    const look = lookFrom(end, definition.health_check_expected);
    if (look.kind === "well" || !usesDocker(definition)) return look;
    const fault = await docker.fault();
    return fault === undefined ? look : { kind: "blocked", why: fault.title };
  }

  /**
   * Starts it and waits until it is well, for as long as its start may take.
   * @throws ConflictError, UnavailableError without Docker, UpstreamError when the command fails
   */
  async start(name: string, options: RunOptions = {}): Promise<ServiceStatus> {
    const service = await requireInstalled(this.#parts, name, "start");
    await requireDocker(this.#parts, service.definition, "start");
    if ((await this.look(service))?.kind === "well") {
      return this.#settle(service, { status: "running", should_run: true });
    }
    return this.#start(service, options);
  }

  async stop(name: string, options: RunOptions = {}): Promise<ServiceStatus> {
    const service = await requireInstalled(this.#parts, name, "stop");
    await this.#stop(service, options);
    return "stopped";
  }

  /** With the service's own command where it has one that works; else by a stop and a start. */
  async restart(name: string, options: RunOptions = {}): Promise<ServiceStatus> {
    const service = await requireInstalled(this.#parts, name, "restart");
    await requireDocker(this.#parts, service.definition, "restart");
    const end = await this.#parts.commands.run(service, "restart", options);
    if (isGood(end)) return this.#started(service, options);
    await this.#stopCommand(service, options);
    return this.#start(service, options);
  }

  /** Whether it boots with the machine; true only once its own command has seen to that. */
  async enable(name: string, enabled: boolean): Promise<void> {
    const what = enabled ? "enable" : "disable";
    const which = enabled ? "enable_startup" : "disable_startup";
    const service = await requireInstalled(this.#parts, name, what);
    const end = await this.#parts.commands.run(service, which);
    if (end === undefined) {
      throw new ConflictError(`Cannot ${what} "${name}": it has no ${which} command`);
    }
    if (!isGood(end)) throw this.#failed(what, service, end);
    const entry = await this.#update(name, { enabled });
    await mirror(this.#parts, name, entry);
  }

  /** Ends what a service left on this machine as its own processes; how many there were. */
  endProcesses(name: string): Promise<number> {
    return endMarkedAs(serviceMark(this.#parts.context.paths.home, name));
  }

  async #start(service: InstalledService, options: RunOptions): Promise<ServiceStatus> {
    const { commands } = this.#parts;
    // What an earlier start left would be in the way of this one.
    await this.endProcesses(service.name);
    const end = await commands.run(service, "start", options);
    if (end === undefined) {
      throw new ConflictError(`Cannot start "${service.name}": it has no start command`);
    }
    if (!isGood(end) && !(await this.#startContainer(service, end, options))) {
      await this.endProcesses(service.name);
      throw this.#failed("start", service, end);
    }
    return this.#started(service, options);
  }

  /** `docker run --name` works once; from then on the container that it made is started. */
  async #startContainer(
    service: InstalledService,
    end: CommandEnd,
    options: RunOptions,
  ): Promise<boolean> {
    const container = NAME_TAKEN.exec(end.said)?.[1];
    if (container === undefined || !this.#containers(service).includes(container)) return false;
    const environment = { LUNA_VALUE_container: container };
    const command = { text: 'docker start "$LUNA_VALUE_container"', environment };
    return isGood(await this.#parts.commands.runOwn(service, command, options));
  }

  /** The containers that its start command names. */
  #containers({ name, definition, config }: InstalledService): string[] {
    const values = this.#parts.commands.valuesOf({ name, definition, config });
    const named = (definition.commands.start ?? "").matchAll(/--name[=\s]+["']?([^\s"']+)/g);
    const found = [...named].map(([, word = ""]) =>
      word.replace(/\{\{\s*(\w+)\s*\}\}/g, (_, key: string) => values.get(key.toLowerCase()) ?? ""),
    );
    return [...found, containerNameOf(name)];
  }

  async #started(service: InstalledService, options: RunOptions): Promise<ServiceStatus> {
    const look = await this.#untilWell(service, options);
    const status = look === undefined ? "running" : statusOf(look, true);
    if (look !== undefined && look.kind !== "well") await this.#tellWhy(service, look, options);
    return this.#settle(service, { status, should_run: true });
  }

  async #untilWell(service: InstalledService, { signal }: RunOptions): Promise<Look | undefined> {
    const deadline = performance.now() + service.definition.start_timeout * 1000;
    for (let pause = FIRST_POLL_MS; ; pause = Math.min(LAST_POLL_MS, pause * 2)) {
      const look = await this.look(service, signal);
      const isOver = performance.now() + pause > deadline || signal?.aborted === true;
      if (look === undefined || look.kind === "well" || isOver) return look;
      await Bun.sleep(pause);
    }
  }

  /** What the container says itself mostly tells what is wrong. */
  async #tellWhy(service: InstalledService, look: Look, options: RunOptions): Promise<void> {
    const { commands } = this.#parts;
    if ("why" in look) commands.note(service.name, `It is not well: ${look.why}`);
    if (!usesDocker(service.definition)) return;
    const [container = ""] = this.#containers(service);
    const command = {
      text: `docker logs --tail ${LOG_LINES} "$LUNA_VALUE_container"`,
      environment: { LUNA_VALUE_container: container },
    };
    await commands.runOwn(service, command, options);
  }

  /** @throws UpstreamError when it goes on running */
  async #stop(service: InstalledService, options: RunOptions): Promise<void> {
    // First of all, so that nobody starts it again.
    await this.#update(service.name, { should_run: false });
    const end = await this.#stopCommand(service, options);
    if (!isGood(end) && (await this.look(service))?.kind === "well") {
      await this.#update(service.name, { status: "running" });
      if (end === undefined) {
        throw new ConflictError(`Cannot stop "${service.name}": it has no stop command`);
      }
      throw this.#failed("stop", service, end);
    }
    await this.#settle(service, { status: "stopped", should_run: false });
  }

  async #stopCommand(service: InstalledService, options: RunOptions) {
    const end = await this.#parts.commands.run(service, "stop", options);
    await this.endProcesses(service.name);
    return end;
  }

  async #settle(
    { name }: InstalledService,
    after: Pick<RegistryEntry, "status" | "should_run">,
  ): Promise<ServiceStatus> {
    await this.#update(name, { ...after, last_health_check: new Date().toISOString() });
    return after.status;
  }

  async #update(name: string, changes: Partial<RegistryEntry>): Promise<RegistryEntry | undefined> {
    return this.#parts.registry.update(name, (entry) =>
      entry === undefined ? undefined : { ...entry, ...changes },
    );
  }

  #failed(what: string, { name }: InstalledService, end: CommandEnd): UpstreamError {
    return new UpstreamError(
      `Cannot ${what} "${name}": its command had ${endInWords(end)}${lastWords(end.said)}; see its log with: luna logs ${name}`,
    );
  }
}
