/** The new folder as an archive's entries fill it: nothing in it is ever written twice, followed, or replaced. */
import { constants } from "node:fs";
import { mkdir, open } from "node:fs/promises";
import { join } from "node:path";
import { type ArchiveEntry, ArchiveFault, shown } from "./entry.ts";
import type { ArchiveLimits } from "./limits.ts";
import { ListedNames } from "./names.ts";
import { type HashedFile, treeHash } from "./tree-hash.ts";

const FOLDER_MODE = 0o755;
const FILE_MODE = 0o644;
const EXECUTABLE_MODE = 0o755;
const NEW_FILE = constants.O_CREAT | constants.O_EXCL | constants.O_WRONLY | constants.O_NOFOLLOW;

export interface Unpacked {
  /** Of all files, as they were written. */
  bytes: number;
  files: number;
  /** What `treeHash` says of it. */
  tree_sha256: string;
}

interface WrittenTreeOptions {
  limits: ArchiveLimits;
  signal: AbortSignal | undefined;
}

export class WrittenTree {
  readonly #root: string;
  readonly #limits: ArchiveLimits;
  readonly #signal: AbortSignal | undefined;
  readonly #names: ListedNames;
  readonly #files: HashedFile[] = [];
  readonly #tops = new Set<string>();
  #bytes = 0;

  /** @param root an empty folder */
  constructor(root: string, { limits, signal }: WrittenTreeOptions) {
    this.#root = root;
    this.#limits = limits;
    this.#signal = signal;
    this.#names = new ListedNames(limits);
  }

  /** @throws ArchiveFault when the entry may not be there */
  async add(entry: ArchiveEntry, place: readonly string[]): Promise<void> {
    this.#signal?.throwIfAborted();
    const { kind, isExecutable } = entry;
    if (kind === "other") throw new ArchiveFault(`${shown(entry.name)} is ${entry.what}`);
    const [top] = place;
    if (top === undefined) {
      if (kind === "file") throw new ArchiveFault(`the name ${shown(entry.name)} is empty`);
      return;
    }
    this.#tops.add(top);
    for (const folder of this.#names.add(place, kind)) {
      await mkdir(join(this.#root, folder), { mode: FOLDER_MODE });
    }
    if (kind === "folder") return;
    const path = place.join("/");
    this.#files.push({ path, isExecutable, sha256: await this.#write(path, entry) });
  }

  /** The one folder that everything is in. */
  get onlyTop(): string | undefined {
    const [top, second] = this.#tops;
    const isFile = this.#files.some(({ path }) => path === top);
    return second === undefined && !isFile ? top : undefined;
  }

  /** @param below the folder that counts as the root */
  result(below?: string): Unpacked {
    const files = this.#files.map((file) => ({
      ...file,
      path: below === undefined ? file.path : file.path.slice(below.length + 1),
    }));
    return { bytes: this.#bytes, files: files.length, tree_sha256: treeHash(files) };
  }

  async #write(path: string, entry: ArchiveEntry): Promise<string> {
    const hash = new Bun.CryptoHasher("sha256");
    const mode = entry.isExecutable ? EXECUTABLE_MODE : FILE_MODE;
    const file = await open(join(this.#root, path), NEW_FILE, mode);
    try {
      let bytes = 0;
      for await (const piece of entry.content()) {
        this.#signal?.throwIfAborted();
        bytes += piece.byteLength;
        this.#count(path, { bytes, added: piece.byteLength });
        hash.update(piece);
        for (let at = 0; at < piece.byteLength; ) {
          at += (await file.write(piece, at)).bytesWritten;
        }
      }
    } finally {
      await file.close();
    }
    return hash.digest("hex");
  }

  /** Before the bytes are written: no limit is passed by as much as one piece. */
  #count(path: string, { bytes, added }: { bytes: number; added: number }): void {
    const { bytes_max, file_bytes_max } = this.#limits;
    this.#bytes += added;
    if (bytes > file_bytes_max) {
      throw new ArchiveFault(`${shown(path)} is over ${file_bytes_max} bytes`);
    }
    if (this.#bytes > bytes_max) {
      throw new ArchiveFault(`its files are over ${bytes_max} bytes together`);
    }
  }
}
