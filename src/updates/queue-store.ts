/** The saved queue and what became of it: `update_queue.json`, `update_queue_failed.json`, `update_retry_count.json`. */
import { rm } from "node:fs/promises";
import { join } from "node:path";
import type { Paths } from "../config/paths.ts";
import type { MasterConfig } from "../contract/config.ts";
import { QueueFile, type QueueOperation, RetryCount } from "../contract/queue.ts";
import { ConflictError, InvalidInputError, NotFoundError } from "../lib/errors.ts";
import { readJsonIfThere, renameDurably, writeJsonAtomic } from "../lib/files.ts";
import { changesBetween, refusedName, withoutOperations } from "./config-changes.ts";

/** A queue that could not be done so often is not tried any more (specification 4.3). */
export const ATTEMPTS_MAX = 3;
const TAKEN_FILE = "queue.json";

function isEmpty({ operations, config_changes = [] }: QueueFile): boolean {
  return operations.length === 0 && config_changes.length === 0;
}

export class QueueStore {
  readonly #paths: Paths;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(paths: Paths) {
    this.#paths = paths;
  }

  /** @throws InvalidInputError that names the place, when the file does not parse: it is never reset */
  current(): Promise<QueueFile | undefined> {
    return readJsonIfThere(this.#paths.updateQueue, QueueFile);
  }

  failed(): Promise<QueueFile | undefined> {
    return readJsonIfThere(this.#paths.updateQueueFailed, QueueFile);
  }

  async attempts(): Promise<number> {
    return (await readJsonIfThere(this.#paths.updateRetryCount, RetryCount))?.count ?? 0;
  }

  /**
   * Keeps the queue as it came, with what its whole configuration changes in the present one.
   * @param wanted that configuration, whole
   * An empty queue is none. A queue that was saved before is replaced, and its attempts are forgotten.
   */
  save(queue: QueueFile, config: MasterConfig, wanted?: Record<string, unknown>): Promise<void> {
    return this.#inTurn(async () => {
      const all = wanted === undefined ? [] : changesBetween(config, wanted);
      const config_changes = withoutOperations(all, queue.operations);
      const refused = refusedName(config_changes);
      if (refused !== undefined) {
        throw new InvalidInputError(`Cannot save the queue: its master_config has ${refused}`);
      }
      const saved = { ...queue, ...(config_changes.length === 0 ? {} : { config_changes }) };
      if (isEmpty(saved)) await rm(this.#paths.updateQueue, { force: true });
      else await writeJsonAtomic(this.#paths.updateQueue, saved);
      await rm(this.#paths.updateRetryCount, { force: true });
    });
  }

  remove(): Promise<void> {
    return this.#inTurn(async () => {
      await rm(this.#paths.updateQueue, { force: true });
      await rm(this.#paths.updateRetryCount, { force: true });
    });
  }

  /** Moves the queue into the folder of a run, in one step: no queue is ever taken twice. */
  take(folder: string): Promise<QueueFile> {
    return this.#inTurn(async () => {
      const queue = await this.current();
      if (queue === undefined) {
        throw new NotFoundError("Cannot apply the queue: none is saved");
      }
      await renameDurably(this.#paths.updateQueue, join(folder, TAKEN_FILE));
      return queue;
    });
  }

  /** Undoes `take` of a run that never began, unless another queue was saved since. */
  giveBack(folder: string): Promise<void> {
    return this.#inTurn(async () => {
      const taken = join(folder, TAKEN_FILE);
      const queue = await readJsonIfThere(taken, QueueFile);
      if (queue === undefined || (await this.current()) !== undefined) return;
      await renameDurably(taken, this.#paths.updateQueue);
    });
  }

  async countAttempt(): Promise<void> {
    const count = (await this.attempts()) + 1;
    const retry = { count, last_attempt: new Date().toISOString() };
    await writeJsonAtomic(this.#paths.updateRetryCount, retry satisfies RetryCount);
  }

  async forgetAttempts(): Promise<void> {
    await rm(this.#paths.updateRetryCount, { force: true });
  }

  /** Saves again what a run could not do, for the next one. Done twice for one run, it is done once. */
  keepRest(rest: QueueFile): Promise<"kept" | "parked"> {
    return this.#inTurn(async () => {
      const current = await this.current().catch(() => QueueFile.parse({}));
      const isOwn = current?.from_run !== undefined && current.from_run === rest.from_run;
      // Somebody saved another queue while this one was tried.
      if (current !== undefined && !isOwn) return this.#park(rest);
      await writeJsonAtomic(this.#paths.updateQueue, rest);
      return "kept";
    });
  }

  /** Lays aside what is not tried any more. */
  park(rest: QueueFile): Promise<"parked"> {
    return this.#inTurn(() => this.#park(rest));
  }

  async #park(rest: QueueFile): Promise<"parked"> {
    await writeJsonAtomic(this.#paths.updateQueueFailed, rest);
    await rm(this.#paths.updateRetryCount, { force: true });
    return "parked";
  }

  /** Makes what was laid aside the queue again. */
  retryFailed(): Promise<QueueFile> {
    return this.#inTurn(async () => {
      const failed = await this.#requireFailed("retry");
      if ((await this.current()) !== undefined) {
        throw new ConflictError(
          "Cannot retry the failed queue: another queue is saved; apply that one or remove it first",
        );
      }
      const { reasons: _, from_run: __, ...again } = failed;
      await writeJsonAtomic(this.#paths.updateQueue, again);
      await rm(this.#paths.updateQueueFailed, { force: true });
      return again;
    });
  }

  discardFailed(): Promise<readonly QueueOperation[]> {
    return this.#inTurn(async () => {
      const { operations } = await this.#requireFailed("discard");
      await rm(this.#paths.updateQueueFailed, { force: true });
      return operations;
    });
  }

  async #requireFailed(what: string): Promise<QueueFile> {
    const failed = await this.failed();
    if (failed !== undefined) return failed;
    throw new NotFoundError(`Cannot ${what} the failed queue: there is none`);
  }

  /** One after another: what is decided from a file still holds when it is written. */
  #inTurn<Done>(work: () => Promise<Done>): Promise<Done> {
    const result = this.#turn.then(work);
    this.#turn = result.catch(() => undefined);
    return result;
  }
}
