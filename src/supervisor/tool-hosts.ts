/** Starts an extension's tool host when it is called, ends exactly the run that hangs, and keeps descriptions fresh. */

import { closeSync, existsSync, openSync } from "node:fs";
import { join } from "node:path";
import { upstreamKey } from "../config/credentials.ts";
import { baseEnvironment, selfCommand } from "../config/environment.ts";
import { MARK_VARIABLE, processMark } from "../config/mark.ts";
import type { MasterConfigStore } from "../config/master-config.ts";
import type { MasterConfig } from "../contract/config.ts";
import { wantsSignIn } from "../contract/upstream.ts";
import { contentHash } from "../extensions/content-hash.ts";
import { readManifest } from "../extensions/manifest.ts";
import { secretNames, secretsFor } from "../extensions/secrets.ts";
import { messageOf, NotFoundError, UnavailableError } from "../lib/errors.ts";
import { PRIVATE_MODE } from "../lib/files.ts";
import type { Logger } from "../lib/log.ts";
import { sendSignal } from "../lib/proc.ts";
import { ownersPython } from "../python/variables.ts";
import { TOOL_HOST_MODE, type ToolHostMode, UPSTREAM_KEY } from "../tools/host-mode.ts";
import { currentHostSocket, removeHostSocket, unpublishHostSocket } from "../tools/host-socket.ts";
import { type SpecContext, settingsOf } from "./core-services.ts";
import type { HeldExtensions } from "./held-extensions.ts";
import { lunaPorts } from "./luna-ports.ts";
import type { ManagedProcess, ProcessSpec } from "./process/managed-process.ts";
import { answers } from "./process/probe.ts";
import type { ProcessTable } from "./process/process-table.ts";

const START_TIMEOUT_MS = 20_000;
/** A host that ends at each start is not started a further time for the same call. */
const STARTS_MAX = 2;
const RETRY_MS = 10;
const PROBE_TIMEOUT_MS = 2_000;
const STOP_GRACE_MS = 500;
/** Loading the files of one extension may take this long. */
const DESCRIBE_TIMEOUT_MS = 20_000;
/** A host that is told to make room ends when its last call is answered (src/services/tool-host/life.ts). */
const RENEW_SIGNAL = "SIGHUP";
/** Longer calls are cut: others wait for the new run meanwhile. */
const RENEW_TIMEOUT_MS = 10_000;
const NAME_PREFIX = "tool-host-";
/** Before the number of a run that took another one's place: both live until the last call of the first is answered. */
const NUMBER_MARK = "~";
/** How long that may take; then it is cut. */
const DRAIN_TIMEOUT_MS = 120_000;
const PUBLISH_POLL_MS = 5;

interface ToolHostsOptions {
  context: SpecContext;
  processes: ProcessTable;
  config: MasterConfigStore;
  held: HeldExtensions;
  log: Logger;
}

type Reloaded = { isLoaded: true } | { isLoaded: false; why: string };

interface HostName {
  name?: string;
  mode?: ToolHostMode;
}

function nameOf(extension: string, number: number): string {
  return NAME_PREFIX + extension + (number === 0 ? "" : NUMBER_MARK + number);
}

export class ToolHosts {
  readonly #options: ToolHostsOptions;
  /** How often an extension's run took another one's place: its processes have names of their own. */
  readonly #numbers = new Map<string, number>();
  /** The hash of the files that the last reload of an extension was about, also when they could not be loaded. */
  readonly #taken = new Map<string, string>();

  /** Why the tools of an extension could not be loaded when that was tried last. */
  readonly #failures = new Map<string, string>();

  constructor(options: ToolHostsOptions) {
    this.#options = options;
  }

  /** Adopts the hosts that an earlier supervisor left running. */
  adopt(): void {
    for (const name of this.#options.processes.previousNames()) {
      if (!name.startsWith(NAME_PREFIX)) continue;
      const [extension = "", number = "0"] = name.slice(NAME_PREFIX.length).split(NUMBER_MARK);
      const host = this.#options.processes.add(this.#spec(extension, { name }));
      if (this.#isPublished(extension, host)) this.#numbers.set(extension, Number(number));
      else if (number !== "0") void this.#drain(host);
    }
  }

  /** Makes sure that the extension's host answers on its socket. */
  async start(extension: string): Promise<{ pid: number }> {
    // One that is being updated is there again in a moment.
    await this.#options.held.released(extension);
    const config = await this.#options.config.read();
    const isEnabled = config.extensions[extension]?.enabled ?? false;
    if (!isEnabled || !existsSync(join(this.#options.context.paths.extensions, extension))) {
      throw new NotFoundError(
        `Cannot start the tools of "${extension}": there is no enabled extension of that name`,
      );
    }
    const host = this.#host(extension);
    const deadline = Date.now() + START_TIMEOUT_MS;
    for (let attempt = 1; ; attempt += 1) {
      host.start();
      const state = await host.settled(START_TIMEOUT_MS);
      const { pid } = host;
      // One that just died, or ends because it was idle, may still pass for running.
      if (state === "running" && pid !== null && (await answers(host.spec.probe, PROBE_TIMEOUT_MS)))
        return { pid };
      const isHopeless = state === "fatal" || (state === "exited" && attempt >= STARTS_MAX);
      if (isHopeless || Date.now() > deadline) {
        throw new UnavailableError(
          `Cannot start the tools of "${extension}": ${host.lastExit ?? `it is ${state}`}; see logs/${NAME_PREFIX}${extension}.log`,
        );
      }
      await Bun.sleep(RETRY_MS);
    }
  }

  /** Ends the run with this pid; a newer one is left alone. */
  async stop(extension: string, pid: number, reason: string): Promise<{ stopped: boolean }> {
    const host = this.#options.processes.get(this.#nameOf(extension));
    if (host === undefined || host.pid !== pid) return { stopped: false };
    this.#options.log.warn(`Ending the tool host of "${extension}"`, { pid, reason });
    await host.stop();
    return { stopped: true };
  }

  /** Lets the hosts of extensions that are switched off finish their calls and end. */
  endDisabled(entries: MasterConfig["extensions"]): void {
    for (const one of this.#options.processes.all()) {
      const { kind, extension = "" } = one.spec;
      if (kind !== "tool-host" || one.state !== "running") continue;
      if (entries[extension]?.enabled === false) this.renew(one);
    }
  }

  /** Lets the calls under way finish; the next call starts a run that knows what has changed meanwhile. */
  renew(host: ManagedProcess): void {
    void this.#renew(host).catch((error: unknown) => {
      this.#options.log.error(`Cannot end "${host.spec.name}": ${messageOf(error)}`);
    });
  }

  /** Ends all runs of the extension once their calls are answered, and forgets what was known of its tools. */
  async endAll(extension: string): Promise<void> {
    const { processes } = this.#options;
    const own = processes.all().filter(({ spec }) => {
      return spec.kind === "tool-host" && spec.extension === extension;
    });
    await Promise.all(own.map((host) => this.#renew(host)));
    for (const { spec } of own) processes.remove(spec.name);
    this.#numbers.delete(extension);
    this.#failures.delete(extension);
  }

  failureOf(extension: string): string | undefined {
    return this.#failures.get(extension);
  }

  async #renew(host: ManagedProcess, timeoutMs = RENEW_TIMEOUT_MS): Promise<void> {
    const { pid, spec } = host;
    if (host.state === "running" && pid !== null) {
      // Here, and not only by itself once it hears of it: the very next call gets the next run.
      unpublishHostSocket(this.#options.context.paths.toolHostSocket(spec.extension ?? ""), pid);
      sendSignal(pid, RENEW_SIGNAL);
      const deadline = Date.now() + timeoutMs;
      while (host.pid === pid && Date.now() < deadline) await Bun.sleep(RETRY_MS);
      if (host.pid !== pid) return;
    }
    await host.stop();
  }

  /**
   * Starts a run with the files as they are now. When it serves, it has written their description, and the run
   * before it ends with its last call; when it cannot load them, and another run serves, that one stays.
   * @param stays keeps it from ending soon when idle
   * @returns what could not be loaded, or why nothing was
   */
  async reload(extension: string, { stays }: { stays: boolean }): Promise<Reloaded> {
    const { processes } = this.#options;
    const before = processes.get(this.#nameOf(extension));
    await before?.settled(START_TIMEOUT_MS);
    const isServed = before?.state === "running";
    const number = (this.#numbers.get(extension) ?? 0) + 1;
    const mode: ToolHostMode = { careful: isServed, stays };
    const host = processes.add(this.#spec(extension, { name: nameOf(extension, number), mode }));
    host.start();
    const deadline = Date.now() + START_TIMEOUT_MS;
    while (!this.#isPublished(extension, host) && Date.now() < deadline) {
      if (host.state === "exited" || host.state === "stopped") break;
      await Bun.sleep(PUBLISH_POLL_MS);
    }
    if (!this.#isPublished(extension, host)) {
      await host.stop();
      processes.remove(host.spec.name);
      return { isLoaded: false, why: host.lastExit ?? "it did not start in time" };
    }
    this.#numbers.set(extension, number);
    if (before !== undefined) void this.#drain(before);
    return { isLoaded: true };
  }

  /** Whether it is the one that new calls go to. */
  #isPublished(extension: string, { pid }: ManagedProcess): boolean {
    const link = this.#options.context.paths.toolHostSocket(extension);
    return pid !== null && currentHostSocket(link)?.pid === pid;
  }

  /** Ends a run that another one has taken the place of, when its last call is answered. */
  async #drain(host: ManagedProcess): Promise<void> {
    await this.#renew(host, DRAIN_TIMEOUT_MS);
    this.#options.processes.remove(host.spec.name);
  }

  /**
   * Loads the extension's tools once, in a process of its own, and writes its description.
   * @returns what went wrong, in a sentence
   */
  async describe(extension: string): Promise<string | undefined> {
    if (this.#options.held.has(extension) || (await this.#isTaken(extension))) return undefined;
    const failure = await this.#describe(extension);
    if (failure === undefined) this.#failures.delete(extension);
    else this.#failures.set(extension, failure);
    return failure;
  }

  /** These very files are being reloaded, or were: nobody else loads them. */
  async take(extension: string): Promise<void> {
    this.#taken.set(extension, await contentHash(this.#folderOf(extension)));
  }

  async #isTaken(extension: string): Promise<boolean> {
    const hash = this.#taken.get(extension);
    return hash !== undefined && hash === (await contentHash(this.#folderOf(extension)));
  }

  #folderOf(extension: string): string {
    return join(this.#options.context.paths.extensions, extension);
  }

  async #describe(extension: string): Promise<string | undefined> {
    const spec = this.#spec(extension);
    const log = openSync(spec.log, "a", PRIVATE_MODE);
    const child = Bun.spawn([...spec.command, "--describe"], {
      cwd: spec.cwd,
      env: {
        ...(await spec.environment()),
        [MARK_VARIABLE]: processMark(spec.cwd, `describe-${extension}`),
      },
      stdin: "ignore",
      stdout: log,
      stderr: log,
      timeout: DESCRIBE_TIMEOUT_MS,
      killSignal: "SIGKILL",
    });
    const code = await child.exited;
    closeSync(log);
    // One that runs has the code from before.
    await this.#options.processes.get(this.#nameOf(extension))?.stop();
    if (code === 0) return undefined;
    const how = child.signalCode === null ? `exit code ${code}` : child.signalCode;
    return `Cannot load the tools of "${extension}": ended with ${how}; see logs/${spec.name}.log`;
  }

  /** Only the secrets that the manifest asks for. */
  async #environment(extension: string): Promise<Record<string, string>> {
    const { context, config } = this.#options;
    const manifest = await readManifest(join(context.paths.extensions, extension));
    const read = await config.read();
    return {
      ...baseEnvironment(context.environment),
      TIME_ZONE: read.luna.timezone,
      ...secretsFor(manifest, await settingsOf(context, secretNames(manifest))),
      ...ownersPython(context.environment),
      LUNA_EXTENSION: extension,
      LUNA_PORTS: lunaPorts(context, read),
      ...(wantsSignIn(manifest.mcp_servers)
        ? { [UPSTREAM_KEY]: await upstreamKey(context.envFile, extension) }
        : {}),
    };
  }

  #nameOf(extension: string): string {
    return nameOf(extension, this.#numbers.get(extension) ?? 0);
  }

  #host(extension: string): ManagedProcess {
    const { processes } = this.#options;
    return processes.get(this.#nameOf(extension)) ?? processes.add(this.#spec(extension));
  }

  #spec(extension: string, { name = NAME_PREFIX + extension, mode }: HostName = {}): ProcessSpec {
    const { paths } = this.#options.context;
    /** Of the first start alone: a later one has to do with what is there. */
    let first = mode;
    const environment = async (): Promise<Record<string, string>> => {
      const own = await this.#environment(extension);
      if (first !== undefined) own[TOOL_HOST_MODE] = JSON.stringify(first);
      first = undefined;
      return own;
    };
    return {
      name,
      label: `${extension} tools`,
      kind: "tool-host",
      extension,
      command: [...selfCommand(), "tool-host", extension],
      cwd: paths.home,
      environment,
      log: paths.log(NAME_PREFIX + extension),
      mark: processMark(paths.home, name),
      port: null,
      path: null,
      probe: { unix: paths.toolHostSocket(extension), path: "/healthz" },
      // One that was killed leaves its socket.
      onEnd: (pid) => removeHostSocket(paths.toolHostSocket(extension), pid),
      // A call may block it for as long as its limit; its caller reports it then.
      supervision: { probe_failures_max: Number.MAX_SAFE_INTEGER },
      stop_grace_ms: STOP_GRACE_MS,
      restart: "on_demand",
    };
  }
}
