/** Unpacks a zip or tar.gz file into a new folder: the whole of it, or nothing at all. */
import { type FileHandle, lstat, mkdir, open, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { ConflictError, InvalidInputError, messageOf, UnavailableError } from "../errors.ts";
import { temporaryName } from "../files.ts";
import { type ArchiveEntry, ArchiveFault } from "./entry.ts";
import { piecesOf } from "./file-bytes.ts";
import { inflate } from "./inflating.ts";
import { ARCHIVE_LIMITS, type ArchiveLimits } from "./limits.ts";
import { Places } from "./places.ts";
import { readTar } from "./tar.ts";
import { type Unpacked, WrittenTree } from "./written-tree.ts";
import { readZip } from "./zip.ts";

const MAGIC_BYTES = 4;
const PRIVATE_FOLDER = 0o700;
const FOLDER_MODE = 0o755;

interface UnpackOptions {
  /** The folder to make; the one that it lies in is there, and nobody else writes into it. */
  into: string;
  /** What the archive is called in errors. */
  label: string;
  /**
   * `always`: all of it must be in one folder, as GitHub makes them, and that folder's content is what counts.
   * With `unless`: so if there is nothing beside that folder, as when somebody packs a folder rather than its
   * content, and it has none of these names.
   */
  stripTop?: "always" | { unless: readonly string[] };
  /** `a/b`: only what is in this folder, below the stripped one. What is elsewhere is passed over, links too. */
  only?: string | undefined;
  limits?: Partial<ArchiveLimits>;
  signal?: AbortSignal | undefined;
}

async function* entriesOf(file: FileHandle, limits: ArchiveLimits): AsyncGenerator<ArchiveEntry> {
  const { size } = await file.stat();
  const magic = Buffer.alloc(MAGIC_BYTES);
  await file.read(magic, 0, MAGIC_BYTES, 0);
  if (magic[0] === 0x1f && magic[1] === 0x8b) {
    const pieces = piecesOf(file, { start: 0, end: size });
    yield* readTar(inflate(pieces, { format: "gzip", limits }), limits);
  } else if (magic[0] === 0x50 && magic[1] === 0x4b) {
    yield* readZip(file, limits);
  } else throw new ArchiveFault("it is neither a zip nor a tar.gz archive");
}

/** Fills `root`, and says which folder of it is the result. */
async function fill(
  path: string,
  root: string,
  options: UnpackOptions,
): Promise<Unpacked & { folder: string }> {
  const { stripTop, only, signal } = options;
  const limits = { ...ARCHIVE_LIMITS, ...options.limits };
  const places = new Places({ isTopTaken: stripTop === "always", only, limits });
  const tree = new WrittenTree(root, { limits, signal });
  const file = await open(path, "r");
  try {
    for await (const entry of entriesOf(file, limits)) {
      signal?.throwIfAborted();
      const place = places.of(entry);
      if (place !== undefined) await tree.add(entry, place);
    }
  } finally {
    await file.close();
  }
  places.expectFound();
  const { unless } = typeof stripTop === "object" ? stripTop : { unless: undefined };
  const top = tree.onlyTop;
  const below = top === undefined || (unless?.includes(top) ?? true) ? undefined : top;
  const unpacked = tree.result(below);
  if (unpacked.files === 0) throw new ArchiveFault("there is no file in it");
  return { ...unpacked, folder: below === undefined ? root : join(root, below) };
}

function asLunaError(error: unknown, { label, signal }: UnpackOptions): unknown {
  if (signal?.aborted === true) return error;
  if (error instanceof ArchiveFault) {
    return new InvalidInputError(`Cannot unpack "${label}": ${error.message}`, {
      ...{ code: "bad_archive", cause: error },
    });
  }
  const isOfSystem = error instanceof Error && "code" in error;
  if (!isOfSystem) return error;
  return new UnavailableError(`Cannot unpack "${label}": ${messageOf(error)}`, { cause: error });
}

/**
 * What is unsafe, damaged or too much refuses the whole archive, and leaves nothing behind. Memory stays bounded,
 * and of modes only the owner's executable bit is kept.
 * @throws InvalidInputError `bad_archive` that says what is wrong · ConflictError when `into` is there ·
 * UnavailableError when the disk refuses · the signal's reason
 */
export async function unpack(path: string, options: UnpackOptions): Promise<Unpacked> {
  const { into, label } = options;
  if ((await lstat(into).catch(() => undefined)) !== undefined) {
    throw new ConflictError(`Cannot unpack "${label}": "${into}" is there already`);
  }
  const staging = temporaryName(into);
  try {
    await mkdir(staging, { mode: PRIVATE_FOLDER });
    const root = join(staging, "root");
    await mkdir(root, { mode: FOLDER_MODE });
    const { folder, ...unpacked } = await fill(path, root, options);
    await rename(folder, into);
    return unpacked;
  } catch (error) {
    throw asLunaError(error, options);
  } finally {
    // What cannot be removed now, the next start removes by its name.
    await rm(staging, { recursive: true, force: true }).catch(() => undefined);
  }
}
