/** One supervised process: acts on what `transition` decides. Everything that Luna runs is one of these. */
import type { SupervisionSettings } from "../../contract/config.ts";
import type {
  ProcessHealth,
  ProcessKind,
  ProcessRecord,
  ProcessView,
} from "../../contract/process.ts";
import { messageOf } from "../../lib/errors.ts";
import { untilNextStep } from "../../lib/in-step.ts";
import type { Logger } from "../../lib/log.ts";
import { descendantsOf, holderOfPort, type ProcessStat } from "../../lib/proc.ts";
import {
  adoptChild,
  type Child,
  type ChildGroup,
  endEarlier,
  endMarked,
  endRest,
  spawnChild,
} from "./child.ts";
import { answers, type Probe } from "./probe.ts";
import {
  failuresAt,
  INITIAL,
  type Machine,
  type ProcessEvent,
  type RestartPolicy,
  transition,
} from "./transition.ts";

/** What to run and how to tell that it is well. */
export interface ProcessSpec extends RestartPolicy {
  name: string;
  label: string;
  kind: ProcessKind;
  /** Whose it is, when it is an extension's. */
  extension?: string;
  command: readonly string[];
  cwd: string;
  /** Called at each start, so that a changed key arrives with the next one. */
  environment(): Promise<Record<string, string>>;
  log: string;
  mark: string;
  port: number | null;
  /** The public path, for people. */
  path: string | null;
  probe: Probe;
  /** The control group that limits it. */
  group?: ChildGroup;
  /** Clears up what a process that was killed leaves. */
  onEnd?(pid: number): void;
  /** Its own settings, before those of all. */
  supervision?: Partial<SupervisionSettings>;
  /** From SIGTERM to SIGKILL. */
  stop_grace_ms: number;
  /** When it hangs, what it runs goes on, and the next run takes that over: it is not asked to stop anything. */
  hands_over?: boolean;
}

const READY_POLL_MS = 5;
/** After a start, when nobody waits for it any more. */
const LOOK_AGAIN_MS = 1_000;
/** A process of which only its life can be seen is ready when it has lived for this long. */
const ALIVE_MS = 500;

/** Settled states: nothing is on its way. */
const SETTLED = new Set(["stopped", "running", "exited", "fatal"]);

/** What a process is told by, and tells to, whoever keeps it. */
export interface Surroundings {
  log: Logger;
  /** After each change of what `view` shows. */
  onChange(): void;
  settings(): SupervisionSettings;
}

/** What a process has started: once it has ended, nobody can tell any more. A look that fails must not keep it from ending. */
function familyOf(pid: number): ProcessStat[] {
  try {
    return descendantsOf(pid);
  } catch {
    return [];
  }
}

export class ManagedProcess {
  readonly spec: ProcessSpec;
  readonly #log: Logger;
  readonly #onChange: () => void;
  readonly #common: () => SupervisionSettings;
  #machine: Machine = INITIAL;
  #child: Child | undefined;
  #health: ProcessHealth = "unknown";
  #startedAt: number | null = null;
  #readyMs: number | null = null;
  /** Whether the current run was started by another supervisor. */
  #isAdopted = false;
  #lastCheck: number | null = null;
  #lastExit: string | null = null;
  #nextStart: number | null = null;
  #timer: Timer | undefined;
  /** Why it is told to end, when that was not asked for. */
  #why: string | null = null;
  /** Something of a run may be left: of one that an earlier supervisor had no time to write down, for example. */
  #mayHaveRest = true;
  /** What it had started when it was told to end. */
  #family: ProcessStat[] = [];
  /** From the next SIGTERM to its SIGKILL. */
  #graceMs: number;
  /** When what was told to end is ended by force. */
  #killAt = 0;
  /** Counts runs, so that what belongs to an earlier one is not taken for this one's. */
  #run = 0;

  constructor(spec: ProcessSpec, surroundings: Surroundings) {
    this.spec = spec;
    this.#graceMs = spec.stop_grace_ms;
    this.#log = surroundings.log;
    this.#onChange = surroundings.onChange;
    this.#common = surroundings.settings;
  }

  get state(): Machine["state"] {
    return this.#machine.state;
  }

  get pid(): number | null {
    return this.#child?.pid ?? null;
  }

  get lastExit(): string | null {
    return this.#lastExit;
  }

  start(): void {
    this.#apply({ type: "start" });
  }

  restart(): void {
    this.#apply({ type: "restart" });
  }

  /**
   * Stops it and settles when nothing of it is left.
   * @param graceMs from SIGTERM to SIGKILL, in place of its own
   */
  async stop(graceMs = this.spec.stop_grace_ms): Promise<void> {
    this.#graceMs = graceMs;
    this.#apply({ type: "stop" });
    this.#graceMs = this.spec.stop_grace_ms;
    const child = this.#child;
    if (child !== undefined) await child.ended;
    while (this.#machine.state === "stopping") await Bun.sleep(READY_POLL_MS);
  }

  /** Settles when it runs, or for good does not: the state it settled in. */
  async settled(timeoutMs: number): Promise<Machine["state"]> {
    const deadline = performance.now() + timeoutMs;
    while (!SETTLED.has(this.#machine.state) && performance.now() < deadline) {
      await Bun.sleep(READY_POLL_MS);
    }
    return this.#machine.state;
  }

  /** Takes over what an earlier supervisor left running; false when it is not there any more. */
  adopt(record: ProcessRecord): boolean {
    if (record.pid === null || record.start_ticks === null) return false;
    // With other ports it is of no use: nobody would find it.
    if (record.port !== this.spec.port) return false;
    const child = adoptChild(record.pid, record.start_ticks, this.spec.mark);
    if (child === undefined) return false;
    this.#machine = { ...INITIAL, state: "starting", restarts: record.restarts };
    this.#isAdopted = true;
    this.#startedAt = record.started_at === null ? null : Date.parse(record.started_at);
    this.#log.info(`Adopted ${this.spec.name}`, { pid: child.pid });
    this.#watch(child);
    return true;
  }

  /** Goes on counting where an earlier supervisor was: what should have lived and does not was one more restart. */
  inherit(record: ProcessRecord, isDone: boolean): void {
    if (isDone) this.#machine = { ...INITIAL, state: "exited", restarts: record.restarts };
    const hasFailed = record.status === "running" || record.status === "starting";
    const wasAlive = hasFailed || record.status === "backoff" || record.status === "stopping";
    if (!wasAlive) return;
    this.#machine = { ...INITIAL, restarts: record.restarts + (hasFailed ? 1 : 0) };
  }

  record(): ProcessRecord {
    const time = (ms: number | null) => (ms === null ? null : new Date(ms).toISOString());
    return {
      pid: this.pid,
      start_ticks: this.#child?.start_ticks ?? null,
      port: this.spec.port,
      status: this.#machine.state,
      health: this.#health,
      kind: this.spec.kind,
      started_at: time(this.#startedAt),
      last_check: time(this.#lastCheck),
      restarts: this.#machine.restarts,
    };
  }

  view(): ProcessView {
    const { name, label, path } = this.spec;
    return {
      ...this.record(),
      name,
      label,
      path,
      ready_ms: this.#readyMs,
      last_exit: this.#lastExit,
      next_start_at: this.#nextStart === null ? null : new Date(this.#nextStart).toISOString(),
      failures: failuresAt(this.#machine, performance.now()).length,
    };
  }

  get #settings(): SupervisionSettings {
    return { ...this.#common(), ...this.spec.supervision };
  }

  #apply(event: ProcessEvent, facts: Record<string, unknown> = {}): void {
    const before = this.#machine.state;
    const { machine, action } = transition(this.#machine, event, {
      restart: this.spec.restart,
      now: performance.now(),
      random: Math.random(),
    });
    this.#machine = machine;
    if (machine.state !== "backoff") this.#clearTimer();
    if (action.type === "spawn") void this.#spawn();
    if (action.type === "kill" && this.#child !== undefined) void this.#end(this.#child);
    if (action.type === "wait") this.#waitToStart(action.delay_ms);
    if (machine.state === before) return;
    this.#log.info(`${this.spec.name}: ${before} -> ${machine.state}`, {
      event: event.type,
      ...facts,
    });
    this.#onChange();
  }

  #clearTimer(): void {
    clearTimeout(this.#timer);
    this.#nextStart = null;
  }

  #waitToStart(delayMs: number): void {
    this.#nextStart = Date.now() + delayMs;
    this.#timer = setTimeout(() => this.#apply({ type: "delay_over" }), delayMs);
  }

  async #spawn(): Promise<void> {
    const { spec } = this;
    const run = this.#run;
    this.#health = "unknown";
    this.#isAdopted = false;
    this.#readyMs = null;
    this.#startedAt = Date.now();
    try {
      const environment = await spec.environment();
      if (this.#mayHaveRest) await endMarked((mark) => mark === spec.mark);
      this.#mayHaveRest = false;
      // Stopped while its environment was read: nothing was started, so nothing has to end.
      if (run !== this.#run || this.#machine.state !== "starting") {
        this.#apply({ type: "exited" });
        return;
      }
      const holder = spec.port === null ? undefined : holderOfPort(spec.port);
      if (holder !== undefined) {
        const who =
          holder.pid === undefined ? holder.program : `${holder.program} (pid ${holder.pid})`;
        this.#notStarted(`port ${holder.port} is taken by ${who}`);
        return;
      }
      this.#watch(spawnChild({ ...spec, environment, log: spec.log, mark: spec.mark }));
    } catch (error) {
      this.#notStarted(messageOf(error));
    }
  }

  /** A failure like any other: the port may be free, or the machine less loaded, the next time. */
  #notStarted(reason: string): void {
    this.#lastExit = reason;
    this.#log.error(`Cannot start "${this.spec.name}": ${reason}`);
    this.#apply({ type: "exited" });
  }

  #watch(child: Child): void {
    this.#run += 1;
    const run = this.#run;
    this.#child = child;
    this.#onChange();
    void child.ended.then((how) => this.#afterEnd(child, how));
    void this.#untilReady(run);
    const look = async (): Promise<void> => {
      if (run !== this.#run) return;
      // The start of the next run looks again.
      await endEarlier(child, this.spec.mark).catch(() => {
        this.#mayHaveRest = true;
      });
    };
    if (!this.#isAdopted) setTimeout(look, LOOK_AGAIN_MS).unref();
  }

  /** Whatever it started goes with it, before anything else may happen. */
  async #afterEnd(child: Child, how: string): Promise<void> {
    const isStopping = this.#machine.state === "stopping";
    // Why it was told to end says more than the signal that did it.
    this.#lastExit = this.#why ?? how;
    this.#why = null;
    this.#run += 1;
    this.#health = "unknown";
    const { pid } = child;
    const graceMs = isStopping ? Math.max(0, this.#killAt - performance.now()) : 0;
    const family = this.#family.splice(0);
    try {
      await endRest({ pid, mark: this.spec.mark, graceMs, family });
    } catch (error) {
      this.#mayHaveRest = true;
      this.#log.error(`Cannot look for what "${this.spec.name}" left: ${messageOf(error)}`);
    }
    this.#child = undefined;
    this.spec.onEnd?.(pid);
    this.#apply({ type: "exited" }, { pid, ended: how });
  }

  async #untilReady(run: number): Promise<void> {
    const began = performance.now();
    const { start_timeout_ms, probe_timeout_ms } = this.#settings;
    if ("alive" in this.spec.probe) await Bun.sleep(ALIVE_MS);
    while (run === this.#run && !(await answers(this.spec.probe, probe_timeout_ms))) {
      if (performance.now() - began > start_timeout_ms) {
        return this.#unresponsive(
          `did not answer within ${start_timeout_ms / 1000} s of its start`,
        );
      }
      await Bun.sleep(READY_POLL_MS);
    }
    if (run !== this.#run) return;
    if (!this.#isAdopted) this.#readyMs = Math.round(performance.now() - began);
    this.#checked("healthy");
    this.#apply({ type: "ready" });
    await this.#probeFor(run);
  }

  #checked(health: ProcessHealth): void {
    this.#lastCheck = Date.now();
    const changed = health !== this.#health;
    this.#health = health;
    if (changed) this.#onChange();
  }

  /** Liveness, for as long as this run lasts. */
  async #probeFor(run: number): Promise<void> {
    let failures = 0;
    for (;;) {
      const { probe_period_ms, probe_timeout_ms, probe_failures_max } = this.#settings;
      await Bun.sleep(untilNextStep(probe_period_ms));
      if (run !== this.#run || this.#machine.state !== "running") return;
      const well = await answers(this.spec.probe, probe_timeout_ms);
      if (run !== this.#run) return;
      failures = well ? 0 : failures + 1;
      this.#checked(well ? "healthy" : "unhealthy");
      if (failures >= probe_failures_max) {
        return this.#unresponsive(`did not answer ${failures} probes in a row`);
      }
    }
  }

  #unresponsive(why: string): void {
    this.#why = why;
    this.#apply({ type: "unresponsive" }, { why });
  }

  /** TERM, then after the grace period KILL, for the whole group. */
  async #end(child: Child): Promise<void> {
    const graceMs = this.#graceMs;
    this.#killAt = performance.now() + graceMs;
    if (this.#why !== null && this.spec.hands_over === true) return child.signal("SIGKILL");
    this.#family = familyOf(child.pid);
    child.signal("SIGTERM");
    const ended = await Promise.race([
      child.ended.then(() => true),
      Bun.sleep(graceMs).then(() => false),
    ]);
    if (!ended) child.signal("SIGKILL");
  }
}
