/** All supervised processes by name, mirrored into `.luna/state.json` at each change. */
import type { SupervisionSettings } from "../../contract/config.ts";
import type { ProcessView } from "../../contract/process.ts";
import { StateFile } from "../../contract/process.ts";
import { messageOf, NotFoundError } from "../../lib/errors.ts";
import { readJsonIfThere, writeJsonAtomic } from "../../lib/files.ts";
import type { Logger } from "../../lib/log.ts";
import { statOf } from "../../lib/proc.ts";
import { ManagedProcess, type ProcessSpec } from "./managed-process.ts";

interface ProcessTableOptions {
  /** Path of state.json. */
  statePath: string;
  log: Logger;
  settings(): SupervisionSettings;
}

export class ProcessTable {
  readonly #options: ProcessTableOptions;
  readonly #processes = new Map<string, ManagedProcess>();
  readonly #listeners = new Set<() => void>();
  readonly #startedAt = new Date().toISOString();
  #previous: StateFile["services"] = {};
  #writing: Promise<void> | undefined;
  #dirty = false;

  constructor(options: ProcessTableOptions) {
    this.#options = options;
  }

  /** Reads what an earlier supervisor left, for `add` to adopt from. A file that does not parse is said and left out. */
  async load(): Promise<void> {
    const { statePath, log } = this.#options;
    try {
      this.#previous = (await readJsonIfThere(statePath, StateFile))?.services ?? {};
    } catch (error) {
      log.error(`${messageOf(error)}. Luna goes on without it: nothing that still runs is adopted`);
    }
  }

  /** Adds a process; one that already runs is adopted. */
  add(spec: ProcessSpec): ManagedProcess {
    const { log, settings } = this.#options;
    const managed = new ManagedProcess(spec, { log, settings, onChange: () => this.#changed() });
    this.#processes.set(spec.name, managed);
    const record = this.#previous[spec.name];
    if (record !== undefined) managed.adopt(record);
    return managed;
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
    this.#changed();
  }

  require(name: string): ManagedProcess {
    const managed = this.#processes.get(name);
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
    return this.all().map((managed) => managed.view());
  }

  state(): StateFile {
    return {
      supervisor: {
        pid: process.pid,
        start_ticks: statOf(process.pid)?.start_ticks ?? 0,
        started_at: this.#startedAt,
      },
      services: Object.fromEntries(this.all().map((one) => [one.spec.name, one.record()])),
    };
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
    this.#dirty = true;
    this.#writing ??= this.#write().finally(() => {
      this.#writing = undefined;
    });
    for (const listener of this.#listeners) listener();
  }

  async #write(): Promise<void> {
    while (this.#dirty) {
      this.#dirty = false;
      try {
        await writeJsonAtomic(this.#options.statePath, this.state());
      } catch (error) {
        // A full disk must not stop supervision; the next change tries again.
        this.#options.log.error(`Cannot write "${this.#options.statePath}": ${messageOf(error)}`);
      }
    }
  }
}
