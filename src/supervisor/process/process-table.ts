/** All supervised processes by name, mirrored into `.luna/state.json` at each change. */
import { VERSION } from "../../config/version.ts";
import type { SupervisionSettings } from "../../contract/config.ts";
import type { Problem, ProcessRecord, ProcessView } from "../../contract/process.ts";
import { StateFile } from "../../contract/process.ts";
import { messageOf, NotFoundError } from "../../lib/errors.ts";
import { readJsonIfThere, renameDurably, writeJsonAtomic } from "../../lib/files.ts";
import type { Logger } from "../../lib/log.ts";
import { statOf } from "../../lib/proc.ts";
import { ManagedProcess, type ProcessSpec } from "./managed-process.ts";

interface ProcessTableOptions {
  /** Path of state.json. */
  statePath: string;
  log: Logger;
  settings(): SupervisionSettings;
  /** The supervisor's own. */
  port: number;
  /** Gives a process its limits. */
  limited?(spec: ProcessSpec): ProcessSpec;
}

/** A disk that refused to take state.json is tried again. */
const WRITE_RETRY_MS = 1_000;
const PROBLEM_UNREADABLE = "state-unreadable";
const PROBLEM_UNWRITABLE = "state-unwritable";

export class ProcessTable {
  readonly #options: ProcessTableOptions;
  readonly #processes = new Map<string, ManagedProcess>();
  readonly #listeners = new Set<() => void>();
  readonly #startedAt = new Date().toISOString();
  #previous: StateFile["services"] = {};
  #writing: Promise<void> | undefined;
  #dirty = false;
  readonly #bootstrap = { pid: process.ppid, start_ticks: statOf(process.ppid)?.start_ticks ?? 0 };
  readonly #stoppedByHand = new Set<string>();
  #isFirst = true;
  /** What was done before this supervisor began, under the same bootstrap. */
  readonly #ended = new Set<string>();
  readonly #problems = new Map<string, Problem>();
  #services: () => StateFile["external_services"] = () => undefined;

  constructor(options: ProcessTableOptions) {
    this.#options = options;
  }

  /** Reads what an earlier supervisor left, for `add` to adopt from. A file that does not parse is said and laid aside. */
  async load(): Promise<void> {
    const { statePath, log } = this.#options;
    try {
      const file = await readJsonIfThere(statePath, StateFile);
      this.#previous = file?.supervisor.version === VERSION ? file.services : {};
      // Another bootstrap means that somebody started Luna anew, and with it everything.
      this.#isFirst = !Bun.deepEquals(file?.supervisor.bootstrap, this.#bootstrap);
      if (this.#isFirst) return;
      for (const [name, { stopped_by_hand, status }] of Object.entries(this.#previous)) {
        if (stopped_by_hand) this.#stoppedByHand.add(name);
        if (status === "exited") this.#ended.add(name);
      }
    } catch (error) {
      const aside = `${statePath}.broken`;
      const reason = messageOf(error);
      await renameDurably(statePath, aside).catch((why: unknown) => log.error(messageOf(why)));
      log.error(`${reason}. It is now "${aside}"; what still ran of Luna is started anew`);
      this.#addProblem(PROBLEM_UNREADABLE, {
        title: reason,
        detail: `The file is now "${aside}". Luna made a new one and started its parts anew.`,
        fix: `Nothing has to be done. When you do not need "${aside}" any more, remove it.`,
      });
    }
  }

  /** What is wrong with state.json. */
  get problems(): readonly Problem[] {
    return [...this.#problems.values()];
  }

  #addProblem(id: string, said: Pick<Problem, "title" | "detail" | "fix">): void {
    const since = new Date().toISOString();
    this.#problems.set(id, { id, severity: "warning", ...said, since });
  }

  /** Adds a process; one that already runs is adopted. */
  add(spec: ProcessSpec): ManagedProcess {
    const { log, settings, limited = (same) => same } = this.#options;
    const managed = new ManagedProcess(limited(spec), {
      log,
      settings,
      onChange: () => this.#changed(),
    });
    this.#processes.set(spec.name, managed);
    const record = this.#previous[spec.name];
    const isDone = this.#ended.has(spec.name) && spec.restart === "on_demand";
    if (record !== undefined && !managed.adopt(record)) managed.inherit(record, isDone);
    return managed;
  }

  /** Starts it with the rest of Luna, unless somebody stopped it, or it did what it is there for, since `luna up`. */
  startUnlessStopped(managed: ManagedProcess): void {
    if (this.#stoppedByHand.has(managed.spec.name) || managed.state === "exited") return;
    managed.start();
  }

  /** Stops it until somebody starts it again or Luna itself is started anew; a supervisor's death changes nothing of that. */
  async stopByHand(managed: ManagedProcess): Promise<void> {
    this.#stoppedByHand.add(managed.spec.name);
    await managed.stop();
    await this.flush();
  }

  startByHand(managed: ManagedProcess): void {
    this.#stoppedByHand.delete(managed.spec.name);
    managed.start();
  }

  restartByHand(managed: ManagedProcess): void {
    this.#stoppedByHand.delete(managed.spec.name);
    managed.restart();
  }

  /** Every process that there should be has been added: what else the earlier supervisor ran is gone. */
  forgetPrevious(): void {
    this.#previous = {};
    this.#changed();
  }

  /** Names that state.json knows of the earlier supervisor. */
  previousNames(): string[] {
    return Object.keys(this.#previous);
  }

  get(name: string): ManagedProcess | undefined {
    return this.#processes.get(name);
  }

  /** Forgets a process that has been stopped. */
  remove(name: string): void {
    this.#processes.delete(name);
    delete this.#previous[name];
    this.#changed();
  }

  /** Forgets also that somebody stopped it: another one of this name is not meant. */
  forget(name: string): void {
    this.#stoppedByHand.delete(name);
    this.#ended.delete(name);
    this.remove(name);
  }

  /** Takes over nothing that ran of the extension: its files are not those that it was started from. */
  disown(extension: string): void {
    for (const name of this.previousNames()) {
      const isOwn =
        name === `${extension}_ui` ||
        name.split("~")[0] === `tool-host-${extension}` ||
        name.startsWith(`${extension}__service_`);
      if (isOwn) delete this.#previous[name];
    }
  }

  /** Whether this is the first supervisor of its `luna up`. */
  get isFirst(): boolean {
    return this.#isFirst;
  }

  /** By its name, or as `port_assignments` calls it: `<extension>.<service>`. */
  require(name: string): ManagedProcess {
    const managed = this.#processes.get(name.replace(".", "__service_"));
    if (managed === undefined) {
      const names = [...this.#processes.keys()].join(", ");
      throw new NotFoundError(`Cannot find the process "${name}": there are ${names}`);
    }
    return managed;
  }

  all(): ManagedProcess[] {
    return [...this.#processes.values()];
  }

  views(): ProcessView[] {
    return this.all().map((managed) => this.#withHand(managed.spec.name, managed.view()));
  }

  state(): StateFile {
    return {
      supervisor: {
        pid: process.pid,
        start_ticks: statOf(process.pid)?.start_ticks ?? 0,
        started_at: this.#startedAt,
        port: this.#options.port,
        version: VERSION,
        bootstrap: this.#bootstrap,
      },
      services: {
        // A supervisor that dies before it has come to these must not be what loses them.
        ...this.#previous,
        ...Object.fromEntries(
          this.all().map((one) => [one.spec.name, this.#withHand(one.spec.name, one.record())]),
        ),
      },
      external_services: this.#services(),
    };
  }

  #withHand<Shown extends ProcessRecord>(name: string, shown: Shown): Shown {
    return this.#stoppedByHand.has(name) ? { ...shown, stopped_by_hand: true } : shown;
  }

  /** Lets state.json tell of external services, too; `flush` writes what has changed. */
  tellServices(read: () => StateFile["external_services"]): void {
    this.#services = read;
  }

  /** Calls `listener` after each change; returns how to end that. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Settles when state.json holds all changes so far. */
  async flush(): Promise<void> {
    this.#changed();
    while (this.#writing !== undefined) await this.#writing;
  }

  #changed(): void {
    this.#save();
    this.#tell();
  }

  #tell(): void {
    for (const listener of this.#listeners) listener();
  }

  #save(): void {
    this.#dirty = true;
    this.#writing ??= this.#write().finally(() => {
      this.#writing = undefined;
    });
  }

  async #write(): Promise<void> {
    while (this.#dirty) {
      this.#dirty = false;
      try {
        await writeJsonAtomic(this.#options.statePath, this.state());
        if (this.#problems.delete(PROBLEM_UNWRITABLE)) this.#tell();
      } catch (error) {
        // A full disk must not stop supervision.
        this.#cannotWrite(messageOf(error));
      }
    }
  }

  #cannotWrite(reason: string): void {
    setTimeout(() => this.#save(), WRITE_RETRY_MS).unref();
    if (this.#problems.has(PROBLEM_UNWRITABLE)) return;
    this.#options.log.error(reason);
    this.#addProblem(PROBLEM_UNWRITABLE, {
      title: reason,
      detail: "All goes on; after a crash, Luna would have to start its parts anew.",
      fix: "Make room on the disk; Luna then writes the file by itself.",
    });
    this.#tell();
  }
}
