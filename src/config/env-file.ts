/** The one reader and writer of `.env`: comments and order are kept, and no shell ever sees it. */
import { isOwnKey, nameRefusal } from "../contract/key-rules.ts";
import { InvalidInputError } from "../lib/errors.ts";
import { decodeText, readBytesIfThere, readTextIfThere, writeFileAtomic } from "../lib/files.ts";
import { editEnv, envProblems, parseEnv } from "./env-text.ts";

/** Linux takes no more than 128 KiB for one variable of a process. */
export const VALUE_BYTES_MAX = 64 * 1024;
/** All of them go into one process at the worst, whose arguments and environment have 2 MiB. */
export const FILE_BYTES_MAX = 1024 * 1024;

/** Names to values; `null` takes one out. */
export type Changes = Record<string, string | null>;

/** Why this cannot be a value, as the second half of a sentence; it never shows the value. */
export function valueRefusal(value: string): string | undefined {
  if (value.includes("\0")) return "its value has a NUL character, which no environment can hold";
  if (!value.isWellFormed()) return "its value is not Unicode text";
  const bytes = Buffer.byteLength(value);
  if (bytes <= VALUE_BYTES_MAX) return undefined;
  return `its value has ${bytes} bytes, the most is ${VALUE_BYTES_MAX}`;
}

/** Whoever writes: a name that changes how programs run stays out, one to be removed may have any name. */
function refuse(changes: Changes): void {
  for (const [name, value] of Object.entries(changes)) {
    if (value === null) continue;
    const refusal = (isOwnKey(name) ? undefined : nameRefusal(name)) ?? valueRefusal(value);
    if (refusal !== undefined) throw new InvalidInputError(`Cannot set "${name}": ${refusal}`);
  }
}

export class EnvFile {
  readonly path: string;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(path: string) {
    this.path = path;
  }

  async read(): Promise<Record<string, string>> {
    return parseEnv((await readTextIfThere(this.path)) ?? "");
  }

  /** The lines to which an objection is made, a sentence each. */
  async problems(): Promise<string[]> {
    return envProblems((await readTextIfThere(this.path)) ?? "", this.path);
  }

  /** Sets (or with `null` removes) variables; the file is 0600 whatever it was before. */
  async set(changes: Changes): Promise<void> {
    await this.change(() => ({ changes }));
  }

  /**
   * Makes the changes that `decide` finds right for what the file holds, and answers what it decided;
   * one change after another.
   * @throws InvalidInputError for a name or value that no variable can have
   */
  async change<Decision extends { changes: Changes }>(
    decide: (values: Readonly<Record<string, string>>) => Decision,
  ): Promise<Decision> {
    const change = async (): Promise<Decision> => {
      // What is not text would be lost by writing it again.
      const text = decodeText(this.path, (await readBytesIfThere(this.path)) ?? new Uint8Array());
      const decision = decide(parseEnv(text));
      refuse(decision.changes);
      const edited = editEnv(text, decision.changes);
      if (edited === text) return decision;
      if (edited.length > text.length && Buffer.byteLength(edited) > FILE_BYTES_MAX) {
        throw new InvalidInputError(
          `Cannot write "${this.path}": it would have more than ${FILE_BYTES_MAX} bytes; delete keys that nobody needs`,
        );
      }
      await writeFileAtomic(this.path, edited);
      return decision;
    };
    const result = this.#turn.then(change);
    this.#turn = result.catch(() => undefined);
    return result;
  }
}
