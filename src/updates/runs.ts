/** All runs of this home: begun one at a time, watched by anybody, and gone on with after whatever ended Luna. */
import { existsSync } from "node:fs";
import { mkdir, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import type { AuditTrail } from "../audit/trail.ts";
import type { Paths } from "../config/paths.ts";
import type { Caller } from "../contract/audit.ts";
import type { ConfigChange, QueueFile, QueueOperation } from "../contract/queue.ts";
import type { RunEvent, RunEvents, RunView } from "../contract/run.ts";
import { ConflictError, messageOf, NotFoundError, UnavailableError } from "../lib/errors.ts";
import type { Logger } from "../lib/log.ts";
import { syncFolder } from "../lib/tree.ts";
import {
  Journal,
  journalIds,
  journalPath,
  readAllEvents,
  readEvents,
  removeJournal,
} from "./journal.ts";
import { inPhases, targetOf } from "./plan.ts";
import type { QueueStore } from "./queue-store.ts";
import { type Recovery, recoveryOf } from "./recovery.ts";
import { appendSurely, execute, type RunOptions, type RunParts, StoppedError } from "./run.ts";
import { type RunPlan, readPlan, unitsOf, writePlan } from "./run-plan.ts";
import { afterEvent, stateOfRun, viewOfRun } from "./run-view.ts";
import { settle } from "./settle.ts";
import { finish, placeOf, undo } from "./unit.ts";

const PRIVATE_FOLDER = 0o700;
/** Older journals are removed. */
const JOURNALS_MAX = 100;
const LISTED_MAX = 50;
/** A stop waits so long for what is under way to see it. */
const STOP_TIMEOUT_MS = 2_000;
/** A change that is asked for during the start waits so long. */
const READY_TIMEOUT_MS = 10_000;

export interface RunsOptions {
  paths: Paths;
  queue: QueueStore;
  parts: RunParts;
  audit: Pick<AuditTrail, "record">;
  log: Logger;
  /** After each thing that happens in a run. */
  onChange(view: RunView): void;
}

interface Active extends RunOptions {
  /** What it was interrupted in, of a run that an earlier supervisor began. */
  recovery: Recovery | undefined;
}

interface Begin {
  operations: readonly QueueOperation[];
  config_changes?: readonly ConfigChange[];
  queue?: QueueFile;
}

export class Runs {
  readonly #options: RunsOptions;
  readonly #stopping = new AbortController();
  #active: Active | undefined;
  #executing: Promise<void> | undefined;
  #isBeginning = false;
  /** What an earlier supervisor left has been looked at: until then, its runs cannot be told from new ones. */
  readonly #ready = Promise.withResolvers<void>();
  /** What could not be put right at the start. */
  readonly problems: string[] = [];

  constructor(options: RunsOptions) {
    this.#options = options;
  }

  get activeId(): string | null {
    return this.#active?.id ?? null;
  }

  /** The newest first. */
  async list(): Promise<RunView[]> {
    const ids = (await journalIds(this.#options.paths.runs)).slice(0, LISTED_MAX);
    const views = await Promise.all(ids.map((id) => this.#viewOf(id)));
    return views.filter((view) => view !== undefined);
  }

  /** @throws NotFoundError */
  async view(id: string): Promise<RunView> {
    const view = await this.#viewOf(id);
    if (view === undefined) throw new NotFoundError(`Cannot find the run "${id}"`);
    return view;
  }

  /** What happened after the cursor; the same for every viewer. */
  async events(id: string, after: number): Promise<RunEvents> {
    await this.view(id);
    return readEvents(journalPath(this.#options.paths.runs, id), after);
  }

  /** Begins a run of these operations, beside whatever queue is saved; answers with its id. */
  apply(operations: readonly QueueOperation[], by: Caller): Promise<string> {
    return this.#begin(by, async () => ({ operations }));
  }

  /**
   * Begins a run of the saved queue, which is saved no more.
   * @param when `after_restart`: it is carried out by the next supervisor
   */
  applySaved(by: Caller, when: "now" | "after_restart" = "now"): Promise<string> {
    const { queue } = this.#options;
    return this.#begin(
      by,
      async (folder) => {
        const taken = await queue.take(folder);
        const { operations, config_changes = [] } = taken;
        return { operations, config_changes, queue: taken };
      },
      when,
    );
  }

  async #begin(
    by: Caller,
    what: (folder: string) => Promise<Begin>,
    when: "now" | "after_restart" = "now",
  ): Promise<string> {
    await this.#untilReady();
    // Whoever saw the end of a run may begin the next; what is left of it is cleared away in a moment.
    if (typeof this.#active?.view().ended_at === "string") await this.#executing;
    if (this.#isBeginning || this.#active !== undefined) {
      throw new ConflictError(
        "Cannot apply this now: another run is under way; wait for its end, or watch it",
        { details: { run_id: this.activeId } },
      );
    }
    this.#isBeginning = true;
    try {
      const id = Bun.randomUUIDv7();
      const active = await this.#write(id, by, what);
      this.#active = active;
      if (when === "now") this.#execute(active);
      return id;
    } finally {
      this.#isBeginning = false;
    }
  }

  /** @throws UnavailableError when the start takes too long */
  async #untilReady(): Promise<void> {
    const isReady = this.#ready.promise.then(() => true);
    if (await Promise.race([isReady, Bun.sleep(READY_TIMEOUT_MS).then(() => false)])) return;
    throw new UnavailableError("Cannot apply this yet: Luna is still starting; try again");
  }

  /** A run without its first line in the journal has not begun. */
  async #write(id: string, by: Caller, what: (folder: string) => Promise<Begin>): Promise<Active> {
    const { paths, queue } = this.#options;
    const folder = join(paths.runs, id);
    await mkdir(folder, { recursive: true, mode: PRIVATE_FOLDER });
    try {
      const { operations, config_changes = [], queue: saved = null } = await what(folder);
      const plan: RunPlan = {
        by: by.actor,
        address: by.address ?? null,
        operations: inPhases(operations),
        config_changes: [...config_changes],
        queue: saved,
      };
      await writePlan(folder, plan);
      await syncFolder(paths.runs);
      const active = this.#activeOf({ id, plan });
      const units = unitsOf(plan);
      await active.journal.append({ event: "run", id, by: by.actor.name, operations: units });
      return active;
    } catch (error) {
      await removeJournal(paths.runs, id);
      await queue.giveBack(folder);
      await rm(folder, { recursive: true, force: true });
      throw error;
    }
  }

  #activeOf(run: { id: string; plan: RunPlan; events?: readonly RunEvent[] }): Active {
    const { paths, parts, onChange } = this.#options;
    const { id, plan, events } = run;
    let current = viewOfRun(events ?? []);
    const view = (): RunView => {
      if (current === undefined) throw new NotFoundError(`Cannot find the run "${id}"`);
      return current;
    };
    const journal = new Journal(journalPath(paths.runs, id), (event) => {
      current = afterEvent(current, event);
      onChange(view());
    });
    const recovery = events === undefined ? undefined : recoveryOf(events);
    return { id, plan, view, journal, parts, recovery, stopping: this.#stopping.signal };
  }

  #execute(active: Active): void {
    const { log } = this.#options;
    this.#executing = this.#carryOut(active)
      .catch((error: unknown) => {
        if (error instanceof StoppedError) return;
        log.error(`A run ended unexpectedly: ${messageOf(error)}`, { run: active.id, error });
      })
      .finally(() => {
        this.#active = undefined;
        this.#executing = undefined;
      });
  }

  async #carryOut(active: Active): Promise<void> {
    const { queue } = this.#options;
    if (active.plan.queue !== null) await queue.countAttempt();
    const attempt = active.view().attempt + 1;
    await appendSurely(active, { event: "attempt", attempt });
    try {
      await execute(active);
    } catch (error) {
      const isStop = error instanceof StoppedError;
      if (isStop) await active.journal.append({ event: "stopped" }).catch(() => undefined);
      throw error;
    }
    await this.#conclude(active, { isGivenUp: false });
  }

  /** Says what became of it, and keeps for later what it could not do. */
  async #conclude(active: Active, { isGivenUp }: { isGivenUp: boolean }): Promise<void> {
    const { queue, audit, paths } = this.#options;
    await settle(active, { queue, isGivenUp });
    const { units } = active.view();
    const state = stateOfRun(units);
    audit.record({
      ...{ actor: active.plan.by, address: active.plan.address, action: "queue.run" },
      ...{ target: active.id, outcome: state === "done" ? "ok" : "failed" },
      details: {
        units: units.map(({ operation, state: became, reason }) => ({
          ...{ type: operation.type, target: operation.target, state: became },
          ...(reason === null ? {} : { reason }),
        })),
      },
    });
    await appendSurely(active, { event: "end", state });
    await rm(join(paths.runs, active.id), { recursive: true, force: true });
    await this.#forgetOld();
  }

  async #forgetOld(): Promise<void> {
    const { runs } = this.#options.paths;
    for (const id of (await journalIds(runs)).slice(JOURNALS_MAX)) await removeJournal(runs, id);
  }

  async #viewOf(id: string): Promise<RunView | undefined> {
    if (this.#active?.id === id) return this.#active.view();
    const path = journalPath(this.#options.paths.runs, id);
    return existsSync(path) ? viewOfRun(await readAllEvents(path)) : undefined;
  }

  /**
   * Before anything of an extension runs: what a run was in the middle of goes back to how it was, and what it was
   * done with is cleared up.
   * @returns the extensions whose files may not be those that their processes were started from
   */
  async recover(): Promise<string[]> {
    const { paths, queue } = this.#options;
    const touched: string[] = [];
    const names = existsSync(paths.runs) ? await readdir(paths.runs, { withFileTypes: true }) : [];
    for (const { name: id } of names.filter((entry) => entry.isDirectory()).reverse()) {
      try {
        const began =
          existsSync(journalPath(paths.runs, id)) && (await this.#recoverRun(id, touched));
        if (began) continue;
        const folder = join(paths.runs, id);
        await queue.giveBack(folder);
        await rm(folder, { recursive: true, force: true });
      } catch (error) {
        this.problems.push(`Cannot put right what the run ${id} left: ${messageOf(error)}`);
      }
    }
    return touched;
  }

  /** @returns false when the run never began, or is over */
  async #recoverRun(id: string, touched: string[]): Promise<boolean> {
    const { paths, parts, log } = this.#options;
    const plan = await readPlan(join(paths.runs, id));
    const events = await readAllEvents(journalPath(paths.runs, id));
    const { next, in_flight } = recoveryOf(events);
    if (next === "none") return false;
    if (plan === undefined) throw new NotFoundError("its plan is not there any more");
    const active = this.#activeOf({ id, plan, events });
    for (const [index, operation] of plan.operations.entries()) {
      const target = targetOf(operation);
      const place = placeOf(paths, id, { index, target });
      if (active.view().units[index]?.state === "done") {
        await finish(place, { operation, paths });
      } else if (index === in_flight) {
        const { step } = active.view().units[index] ?? {};
        log.warn(`A run was interrupted; "${target}" goes back to how it was`, { run: id, step });
        touched.push(target);
        await undo(place, { target, config: parts.config });
      } else await rm(place.folder, { recursive: true, force: true });
    }
    if (in_flight !== undefined) {
      const reason = `Luna ended in the middle of it; all went back to how it was`;
      await active.journal.append({ event: "unit", unit: in_flight, state: "waiting", reason });
    }
    this.#active = active;
    return true;
  }

  /** Goes on with the run that was interrupted or waits for this start; answers with its id. */
  async resume(): Promise<string | undefined> {
    this.#ready.resolve();
    const active = this.#active;
    if (active === undefined || this.#executing !== undefined) return undefined;
    const { next, interruptions = 0 } = active.recovery ?? {};
    if (next === "give_up") await this.#giveUp(active, interruptions);
    else this.#execute(active);
    return active.id;
  }

  async #giveUp(active: Active, interruptions: number): Promise<void> {
    const reason = `Luna ended ${interruptions} times in the middle of this run; it is not tried again by itself`;
    for (const [index, { state }] of active.view().units.entries()) {
      if (state === "waiting") {
        await appendSurely(active, { event: "unit", unit: index, state: "failed", reason });
      }
    }
    await this.#conclude(active, { isGivenUp: true });
    this.#active = undefined;
  }

  /** What is under way is left as it is: the next start puts it right and goes on. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await Promise.race([this.#executing, Bun.sleep(STOP_TIMEOUT_MS)]);
  }

  /** For tests, and for what must not happen beside a run. */
  async settled(): Promise<void> {
    await this.#executing;
  }
}
