/** A JSON file that somebody else may change: read again only then, and good content outlives a broken edit. */
import { statSync } from "node:fs";
import type { z } from "zod";
import { InvalidInputError } from "./errors.ts";
import { readJsonIfThere } from "./files.ts";

interface WatchedFileOptions<Schema extends z.ZodType> {
  path: string;
  schema: Schema;
  /** The content when there is no file. */
  absent: () => z.output<Schema>;
}

export class WatchedFile<Schema extends z.ZodType> {
  readonly #options: WatchedFileOptions<Schema>;
  #stamp: string | undefined;
  #good: { content: z.output<Schema> } | undefined;
  #problem: string | undefined;

  constructor(options: WatchedFileOptions<Schema>) {
    this.#options = options;
  }

  /**
   * The content as it is on disk now. The file is parsed again only after it changed; one that was
   * edited and does not parse leaves the last good content in force.
   * @throws InvalidInputError that names file, line and column when there was no good content before
   */
  async read(): Promise<z.output<Schema>> {
    const { path, schema, absent } = this.#options;
    const stamp = this.#stampNow();
    if (stamp !== this.#stamp) {
      try {
        this.#good = { content: (await readJsonIfThere(path, schema)) ?? absent() };
        this.#problem = undefined;
      } catch (error) {
        // A disk that fails to read is asked again; what does not parse stays so until it is edited.
        if (!(error instanceof InvalidInputError)) throw error;
        this.#problem = error.message;
      }
      this.#stamp = stamp;
    }
    if (this.#good === undefined) throw new InvalidInputError(this.#problem ?? "");
    return this.#good.content;
  }

  /** The good content that was read last, for what cannot wait; undefined before there was any. */
  get last(): z.output<Schema> | undefined {
    return this.#good?.content;
  }

  /** What is wrong with the file as it was read last. */
  get problem(): string | undefined {
    return this.#problem;
  }

  /** Whether the file is as it was read last. */
  isCurrent(): boolean {
    return this.#stamp === this.#stampNow();
  }

  exists(): boolean {
    return this.#stampNow() !== "";
  }

  /** Synchronous on purpose: through the thread pool the same call costs 70 times as much, on every request. */
  #stampNow(): string {
    // The fraction of `mtimeMs` is finer than the clock of files; big integers cost more than the call.
    const stats = statSync(this.#options.path, { throwIfNoEntry: false });
    return stats === undefined ? "" : `${stats.mtimeMs}:${stats.size}:${stats.ino}`;
  }
}
