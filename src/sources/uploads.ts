/** `.luna/uploads/`: the archives that were uploaded, under names of Luna's own, until they are old. */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { chmod, mkdir, open, readdir, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { parseSource } from "../contract/source.ts";
import { InvalidInputError, NotFoundError, TooManyError } from "../lib/errors.ts";
import { PRIVATE_MODE, removeTemporaries, temporaryName } from "../lib/files.ts";

/** Of one archive: far more than any extension without its packages has. */
export const UPLOAD_BYTES_MAX: number = 64 * 1024 ** 2;
/** Each may be as large as that. */
const UPLOADS_MAX = 20;
const AGE_MS_MAX = 7 * 24 * 60 * 60_000;
const AT_ONCE_MAX = 2;
const PRIVATE_FOLDER = 0o700;
const MAGIC_BYTES = 2;
/** `PK` and gzip, as archives begin. */
const ENDINGS: readonly { magic: readonly number[]; ending: string }[] = [
  { magic: [0x50, 0x4b], ending: ".zip" },
  { magic: [0x1f, 0x8b], ending: ".tar.gz" },
];

interface UploadsOptions {
  folder: string;
  clock?: () => number;
}

export interface Upload {
  /** Luna's name for it: `upload:<file>` is the source. */
  file: string;
  path: string;
  bytes: number;
  /** Of the archive, in hex. */
  sha256: string;
}

function endingOf(first: Uint8Array): string {
  const found = ENDINGS.find(({ magic }) => magic.every((byte, index) => first[index] === byte));
  if (found !== undefined) return found.ending;
  throw new InvalidInputError("Cannot take the upload: it is neither a zip nor a tar.gz archive", {
    code: "bad_archive",
  });
}

export class Uploads {
  readonly #folder: string;
  readonly #clock: () => number;
  #underWay = 0;

  constructor({ folder, clock = Date.now }: UploadsOptions) {
    this.#folder = folder;
    this.#clock = clock;
  }

  /**
   * Keeps what comes. What is too much of all together goes, the oldest first.
   * @throws TooManyError · InvalidInputError when it is no archive · whatever `pieces` throws
   */
  async keep(pieces: AsyncIterable<Uint8Array>): Promise<Upload> {
    if (this.#underWay >= AT_ONCE_MAX) {
      throw new TooManyError(`Cannot take the upload: ${AT_ONCE_MAX} others are under way`);
    }
    this.#underWay += 1;
    try {
      await this.#makeRoom(UPLOADS_MAX - 1);
      return await this.#write(pieces);
    } finally {
      this.#underWay -= 1;
    }
  }

  /** @throws NotFoundError when it is gone or was never there */
  async find(file: string): Promise<Upload> {
    const { source } = parseSource(`upload:${file}`);
    const path = join(this.#folder, file);
    const stats = source?.kind === "upload" ? await stat(path).catch(() => undefined) : undefined;
    if (stats?.isFile() !== true) {
      throw new NotFoundError(
        `Cannot find the upload ${JSON.stringify(file)}: uploads are kept for a week, the last ${UPLOADS_MAX} of them; upload it again`,
      );
    }
    const hash = createHash("sha256");
    for await (const piece of createReadStream(path)) hash.update(piece);
    return { file, path, bytes: stats.size, sha256: hash.digest("hex") };
  }

  async remove(file: string): Promise<void> {
    await rm((await this.find(file)).path, { force: true });
  }

  /** Removes what is old, and what broken-off uploads left. */
  async sweep(): Promise<void> {
    await this.#makeRoom(UPLOADS_MAX);
  }

  /** A new name in the folder for something that is removed again. */
  scratch(): string {
    return temporaryName(join(this.#folder, "look"));
  }

  async #write(pieces: AsyncIterable<Uint8Array>): Promise<Upload> {
    const temporary = temporaryName(join(this.#folder, "upload"));
    const hash = createHash("sha256");
    const handle = await open(temporary, "wx", PRIVATE_MODE);
    let [bytes, first, ending] = [0, Buffer.alloc(0), ""];
    try {
      for await (const piece of pieces) {
        if (ending === "") {
          first = Buffer.concat([first, piece]);
          if (first.byteLength >= MAGIC_BYTES) ending = endingOf(first);
        }
        bytes += piece.byteLength;
        hash.update(piece);
        await handle.writeFile(piece);
      }
      if (ending === "") endingOf(first);
      await handle.sync();
    } catch (error) {
      await rm(temporary, { force: true });
      throw error;
    } finally {
      await handle.close();
    }
    const file = `${Bun.randomUUIDv7("hex", this.#clock())}${ending}`;
    const path = join(this.#folder, file);
    await rename(temporary, path);
    return { file, path, bytes, sha256: hash.digest("hex") };
  }

  async #makeRoom(kept: number): Promise<void> {
    await mkdir(this.#folder, { recursive: true, mode: PRIVATE_FOLDER });
    await chmod(this.#folder, PRIVATE_FOLDER);
    await removeTemporaries(this.#folder);
    // The names are in the order of time.
    const files = (await readdir(this.#folder)).filter((name) => !name.endsWith(".tmp")).sort();
    const many = files.slice(0, Math.max(0, files.length - kept));
    for (const name of files) {
      const path = join(this.#folder, name);
      const stats = await stat(path).catch(() => undefined); // Removed meanwhile.
      const isOld = stats !== undefined && this.#clock() - stats.mtimeMs > AGE_MS_MAX;
      if (isOld || many.includes(name)) await rm(path, { recursive: true, force: true });
    }
  }
}
