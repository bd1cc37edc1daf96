/** The store of `.luna/master_config.json`: one writer, edits from outside noticed, a broken file never reset. */
import { statSync } from "node:fs";
import { MasterConfig } from "../contract/config.ts";
import { InvalidInputError, messageOf } from "../lib/errors.ts";
import { readJsonIfThere, writeJsonAtomic } from "../lib/files.ts";

export class MasterConfigStore {
  readonly path: string;
  #stamp = "";
  #config: MasterConfig | undefined;
  #problem: string | undefined;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(path: string) {
    this.path = path;
  }

  /**
   * The configuration as it is on disk now; the defaults when there is no file.
   * The file is parsed again only after it changed. A file that was edited and does not parse
   * leaves the last good configuration in force.
   * @throws InvalidInputError that names file and line when there was no good one before
   */
  async read(): Promise<MasterConfig> {
    const stamp = this.#stampNow();
    if (this.#config === undefined || stamp !== this.#stamp) {
      try {
        this.#config = (await readJsonIfThere(this.path, MasterConfig)) ?? MasterConfig.parse({});
        this.#problem = undefined;
      } catch (error) {
        if (this.#config === undefined) throw error;
        this.#problem = messageOf(error);
      }
      this.#stamp = stamp;
    }
    return this.#config;
  }

  /** The configuration as it was read last, for what cannot wait; undefined before the first `read`. */
  get last(): MasterConfig | undefined {
    return this.#config;
  }

  /** What is wrong with the file as it was read last. */
  get problem(): string | undefined {
    return this.#problem;
  }

  /** Whether a file is there: none means a new home. */
  exists(): boolean {
    return this.#stampNow() !== "";
  }

  /** Changes the configuration: `edit` gets a copy to change; changes run one after another. */
  update(edit: (config: MasterConfig) => void): Promise<MasterConfig> {
    const change = async (): Promise<MasterConfig> => {
      const config = structuredClone(await this.read());
      // Writing would replace what somebody is in the middle of mending.
      if (this.#problem !== undefined) throw new InvalidInputError(this.#problem);
      edit(config);
      const checked = MasterConfig.parse(config);
      await writeJsonAtomic(this.path, checked);
      return this.read();
    };
    const result = this.#turn.then(change);
    this.#turn = result.catch(() => undefined);
    return result;
  }

  /** Synchronous on purpose: through the thread pool the same call costs 70 times as much, on every request. */
  #stampNow(): string {
    const stats = statSync(this.path, { bigint: true, throwIfNoEntry: false });
    return stats === undefined ? "" : `${stats.mtimeNs}:${stats.size}:${stats.ino}`;
  }
}
