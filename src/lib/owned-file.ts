/** A JSON file with one writer, this process: edits from outside are noticed, and a broken file is never reset. */
import { z } from "zod";
import { InvalidInputError } from "./errors.ts";
import { writeJsonAtomic } from "./files.ts";
import { WatchedFile } from "./watched-file.ts";

interface OwnedFileOptions<Schema extends z.ZodType> {
  path: string;
  schema: Schema;
  /** The content when there is no file. */
  absent: () => z.output<Schema>;
}

export class OwnedFile<Schema extends z.ZodType> {
  readonly path: string;
  readonly #schema: Schema;
  readonly #file: WatchedFile<Schema>;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(options: OwnedFileOptions<Schema>) {
    this.path = options.path;
    this.#schema = options.schema;
    this.#file = new WatchedFile(options);
  }

  /**
   * The content as it is on disk now. A file that was edited and does not parse leaves the last good
   * content in force.
   * @throws InvalidInputError that names file, line and column when there was no good one before
   */
  read(): Promise<z.output<Schema>> {
    return this.#file.read();
  }

  /** The content as it was read last, for what cannot wait; undefined before the first `read`. */
  get last(): z.output<Schema> | undefined {
    return this.#file.last;
  }

  /** What is wrong with the file as it was read last. */
  get problem(): string | undefined {
    return this.#file.problem;
  }

  exists(): boolean {
    return this.#file.exists();
  }

  /**
   * Changes the content: `edit` gets a copy to change; changes run one after another.
   * @throws InvalidInputError when the file does not parse: writing would replace what somebody is mending
   */
  update(edit: (content: z.output<Schema>) => void): Promise<z.output<Schema>> {
    const change = async (): Promise<z.output<Schema>> => {
      const content = structuredClone(await this.read());
      if (this.problem !== undefined) throw new InvalidInputError(this.problem);
      edit(content);
      await writeJsonAtomic(this.path, z.parse(this.#schema, content));
      return this.read();
    };
    const result = this.#turn.then(change);
    this.#turn = result.catch(() => undefined);
    return result;
  }
}
