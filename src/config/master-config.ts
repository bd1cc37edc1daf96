/** The store of `.luna/master_config.json`: one writer, edits from outside noticed, a broken file never reset. */
import { MasterConfig } from "../contract/config.ts";
import { InvalidInputError } from "../lib/errors.ts";
import { writeJsonAtomic } from "../lib/files.ts";
import { WatchedFile } from "../lib/watched-file.ts";

export class MasterConfigStore {
  readonly path: string;
  readonly #file: WatchedFile<typeof MasterConfig>;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(path: string) {
    this.path = path;
    this.#file = new WatchedFile({
      path,
      schema: MasterConfig,
      absent: () => MasterConfig.parse({}),
    });
  }

  /**
   * The configuration as it is on disk now; the defaults when there is no file. A file that was edited
   * and does not parse leaves the last good configuration in force.
   * @throws InvalidInputError that names file, line and column when there was no good one before
   */
  read(): Promise<MasterConfig> {
    return this.#file.read();
  }

  /** The configuration as it was read last, for what cannot wait; undefined before the first `read`. */
  get last(): MasterConfig | undefined {
    return this.#file.last;
  }

  /** What is wrong with the file as it was read last. */
  get problem(): string | undefined {
    return this.#file.problem;
  }

  /** Whether a file is there: none means a new home. */
  exists(): boolean {
    return this.#file.exists();
  }

  /** Changes the configuration: `edit` gets a copy to change; changes run one after another. */
  update(edit: (config: MasterConfig) => void): Promise<MasterConfig> {
    const change = async (): Promise<MasterConfig> => {
      const config = structuredClone(await this.read());
      // Writing would replace what somebody is in the middle of mending.
      if (this.problem !== undefined) throw new InvalidInputError(this.problem);
      edit(config);
      const checked = MasterConfig.parse(config);
      await writeJsonAtomic(this.path, checked);
      return this.read();
    };
    const result = this.#turn.then(change);
    this.#turn = result.catch(() => undefined);
    return result;
  }
}
