/** Reads a zip archive: what its directory lists and nothing else, with every size and checksum counted again. */
import type { FileHandle } from "node:fs/promises";
import { crc32 } from "node:zlib";
import { type ArchiveEntry, ArchiveFault, shown } from "./entry.ts";
import { piecesOf } from "./file-bytes.ts";
import { inflate } from "./inflating.ts";
import type { ArchiveLimits } from "./limits.ts";
import { locate, readDirectory, type ZipRecord } from "./zip-directory.ts";

const DEFLATED = 8;
const OWNER_EXECUTES = 0o100;
const TYPE = 0o170000;
/** Types of files as Unix has them in a mode; none where the writer knew none. */
const TYPES: ReadonlyMap<number, "file" | "folder"> = new Map([
  [0o100000, "file"],
  [0o040000, "folder"],
]);
const OTHERS: ReadonlyMap<number, string> = new Map([
  [0o120000, "a symbolic link"],
  [0o060000, "a device"],
  [0o020000, "a device"],
  [0o010000, "a named pipe"],
  [0o140000, "a socket"],
]);

async function* checked(
  pieces: AsyncIterable<Buffer>,
  { name, size, crc }: ZipRecord,
): AsyncGenerator<Buffer> {
  let [bytes, sum] = [0, 0];
  for await (const piece of pieces) {
    bytes += piece.byteLength;
    if (bytes > size) throw new ArchiveFault(`${shown(name)} is larger than it says`);
    sum = crc32(piece, sum);
    yield piece;
  }
  if (bytes !== size) throw new ArchiveFault(`${shown(name)} is smaller than it says`);
  if (sum !== crc) throw new ArchiveFault(`${shown(name)} is damaged: its checksum is wrong`);
}

function entryOf(record: ZipRecord, content: () => AsyncIterable<Uint8Array>): ArchiveEntry {
  const { name, mode, size } = record;
  const type = mode & TYPE;
  const byName = name.endsWith("/") ? "folder" : "file";
  const kind = type === 0 ? byName : TYPES.get(type);
  const entry = { name, isExecutable: (mode & OWNER_EXECUTES) !== 0, content };
  if (kind === undefined) {
    const what = OTHERS.get(type) ?? "of an unknown type";
    return { ...entry, kind: "other", what };
  }
  if (kind !== byName) throw new ArchiveFault(`${shown(name)} is both a file and a folder`);
  if (kind === "folder" && size > 0) {
    throw new ArchiveFault(`the folder ${shown(name)} has content`);
  }
  return { ...entry, kind };
}

/** @throws ArchiveFault at whatever is not as it should be */
export async function* readZip(
  file: FileHandle,
  limits: ArchiveLimits,
): AsyncGenerator<ArchiveEntry> {
  const { records, start } = await readDirectory(file, limits);
  if (records.length === 0 && start > 0) {
    throw new ArchiveFault("something in it is not listed");
  }
  let from = 0;
  for (const [index, record] of records.entries()) {
    const bounds = { start: from, end: records[index + 1]?.offset ?? start };
    const place = await locate(file, record, bounds);
    from = bounds.end;
    const pieces = piecesOf(file, place);
    const plain =
      record.method === DEFLATED ? () => inflate(pieces, { format: "raw", limits }) : () => pieces;
    yield entryOf(record, () => checked(plain(), record));
  }
}
