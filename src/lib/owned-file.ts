/** A JSON file with one writer, this process: edits from outside are noticed, and a broken file is never reset. */
import { z } from "zod";
import { InvalidInputError } from "./errors.ts";
import { writeJsonAtomicIf } from "./files.ts";
import { revisionOf } from "./revision.ts";
import { WatchedFile } from "./watched-file.ts";

/** A file that changes faster than this is not edited by a person. */
const ATTEMPTS_MAX = 5;

interface OwnedFileOptions<Schema extends z.ZodType> {
  path: string;
  schema: Schema;
  /** The content when there is no file. */
  absent: () => z.output<Schema>;
  /** Told of each change that was not made here. */
  onEdit?: (before: z.output<Schema>, after: z.output<Schema>) => void;
}

export class OwnedFile<Schema extends z.ZodType> {
  readonly path: string;
  readonly #schema: Schema;
  readonly #file: WatchedFile<Schema>;
  readonly #onEdit: OwnedFileOptions<Schema>["onEdit"];
  #turn: Promise<unknown> = Promise.resolve();
  /** The content that was read last, and the one that was written here last. */
  #seen: z.output<Schema> | undefined;
  #written: z.output<Schema> | undefined;

  constructor(options: OwnedFileOptions<Schema>) {
    this.path = options.path;
    this.#schema = options.schema;
    this.#onEdit = options.onEdit;
    this.#file = new WatchedFile(options);
  }

  /**
   * The content as it is on disk now. A file that was edited and does not parse leaves the last good
   * content in force.
   * @throws InvalidInputError that names file, line and column when there was no good one before
   */
  async read(): Promise<z.output<Schema>> {
    const content = await this.#file.read();
    const before = this.#seen;
    if (content === before) return content;
    this.#seen = content;
    // Two readers at once, and whoever writes here, see another object of the same content.
    const isKnown = [before, this.#written].some((known) => Bun.deepEquals(known, content, true));
    if (before !== undefined && !isKnown) this.#onEdit?.(before, content);
    return content;
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
   * Changes the content: `edit` gets a copy to change, and the revision that it has now; changes run one after
   * another. What `edit` throws leaves everything as it was, so a writer that has seen another revision can refuse. It is
   * called again when somebody else wrote the file in that very moment.
   * @throws InvalidInputError when the file does not parse: writing would replace what somebody is mending
   */
  update(edit: (content: z.output<Schema>, revision: string) => void): Promise<z.output<Schema>> {
    const change = async (): Promise<z.output<Schema>> => {
      for (let attempt = 1; ; attempt += 1) {
        const content = structuredClone(await this.read());
        if (this.problem !== undefined) throw new InvalidInputError(this.problem);
        edit(content, revisionOf(content));
        const written = z.parse(this.#schema, content);
        // Somebody who saves the file in an editor just now is not overwritten, but read first.
        const isWanted = () => attempt === ATTEMPTS_MAX || this.#file.isCurrent();
        this.#written = written;
        if (await writeJsonAtomicIf(this.path, written, isWanted)) return this.read();
      }
    };
    const result = this.#turn.then(change);
    this.#turn = result.catch(() => undefined);
    return result;
  }
}
