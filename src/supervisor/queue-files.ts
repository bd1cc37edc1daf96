/** Whether the queue's files can be read, at the start and after each edit by hand: one that cannot is a problem. */
import type { Paths } from "../config/paths.ts";
import type { Problem } from "../contract/process.ts";
import { messageOf } from "../lib/errors.ts";
import type { Logger } from "../lib/log.ts";
import type { QueueStore } from "../updates/queue-store.ts";
import { watchFiles } from "./file-watch.ts";
import { problemFrom } from "./overview.ts";

const MENDED_BY_HAND = "Fix the file or remove it; Luna takes that up by itself.";

interface QueueFilesOptions {
  paths: Pick<Paths, "updateQueue" | "updateQueueFailed" | "updateRetryCount">;
  store: Pick<QueueStore, "current" | "failed" | "attempts">;
  log: Logger;
  /** After each change that somebody may want to see. */
  onChange(): void;
}

export class QueueFiles {
  readonly #options: QueueFilesOptions;
  /** By the text. */
  #problems: ReadonlyMap<string, Problem> = new Map();

  constructor(options: QueueFilesOptions) {
    this.#options = options;
  }

  get problems(): readonly Problem[] {
    return [...this.#problems.values()];
  }

  async start(): Promise<void> {
    const { updateQueue, updateQueueFailed, updateRetryCount } = this.#options.paths;
    await this.#look();
    watchFiles({
      files: () => [updateQueue, updateQueueFailed, updateRetryCount],
      isDue: () => false,
      onChange: () => this.#look(),
    });
  }

  async #look(): Promise<void> {
    const { store, log, onChange } = this.#options;
    const results = await Promise.allSettled([store.current(), store.failed(), store.attempts()]);
    const before = this.#problems;
    const now = new Map<string, Problem>();
    for (const [index, result] of results.entries()) {
      if (result.status === "fulfilled") continue;
      const text = messageOf(result.reason);
      if (!before.has(text)) log.error(text);
      now.set(text, before.get(text) ?? problemFrom(`queue-${index}`, text, MENDED_BY_HAND));
    }
    this.#problems = now;
    if (String([...now.keys()]) !== String([...before.keys()])) onChange();
  }
}
