/** Reads a gzipped tar archive as a stream (POSIX.1-2017 pax, ustar, and GNU's long names). */
import { type ArchiveEntry, ArchiveFault, decodeName, shown } from "./entry.ts";
import type { ArchiveLimits } from "./limits.ts";
import { fieldsOf, headerOf, paxRecords, type TarHeader, untilNul } from "./tar-header.ts";

const BLOCK_BYTES = 512;
/** Of a pax header or a long name: names are shorter, and nothing else in them counts. */
const EXTENDED_BYTES_MAX = 64 * 1024;
const OWNER_EXECUTES = 0o100;

/** What is not unpacked, by its type in the header. */
const OTHERS: Readonly<Record<string, string>> = {
  "1": "a hard link",
  "2": "a symbolic link",
  "3": "a device",
  "4": "a device",
  "6": "a named pipe",
};

/** Takes exact counts of bytes off a stream. */
class Tape {
  readonly #pieces: AsyncIterator<Buffer>;
  readonly #limits: ArchiveLimits;
  #rest: Buffer = Buffer.alloc(0);
  #taken = 0;

  constructor(stream: AsyncIterable<Buffer>, limits: ArchiveLimits) {
    this.#pieces = stream[Symbol.asyncIterator]();
    this.#limits = limits;
  }

  /** What comes next, `bytesMax` at most; undefined at the end. */
  async next(bytesMax: number): Promise<Buffer | undefined> {
    while (this.#rest.byteLength === 0) {
      const { done, value } = await this.#pieces.next();
      if (done === true) return undefined;
      this.#rest = value;
    }
    const piece = this.#rest.subarray(0, bytesMax);
    this.#rest = this.#rest.subarray(piece.byteLength);
    this.#taken += piece.byteLength;
    if (this.#taken > this.#limits.scanned_bytes_max) {
      throw new ArchiveFault(`it inflates to more than ${this.#limits.scanned_bytes_max} bytes`);
    }
    return piece;
  }

  async *pieces(length: number): AsyncGenerator<Buffer> {
    for (let left = length; left > 0; ) {
      const piece = await this.next(left);
      if (piece === undefined) throw new ArchiveFault("it is cut off");
      left -= piece.byteLength;
      yield piece;
    }
  }

  async exactly(length: number): Promise<Buffer> {
    return Buffer.concat(await Array.fromAsync(this.pieces(length)));
  }

  /** Ends whoever gives the bytes. */
  async close(): Promise<void> {
    await this.#pieces.return?.();
  }
}

function padding(size: number): number {
  return (BLOCK_BYTES - (size % BLOCK_BYTES)) % BLOCK_BYTES;
}

function isZero(bytes: Uint8Array): boolean {
  return bytes.every((byte) => byte === 0);
}

/** After the end there is nothing but zeros, up to the end of the stream and its checksum. */
async function expectEnd(tape: Tape): Promise<void> {
  if (!isZero(await tape.exactly(BLOCK_BYTES))) throw new ArchiveFault("a header in it is empty");
  for (;;) {
    const piece = await tape.next(BLOCK_BYTES);
    if (piece === undefined) return;
    if (!isZero(piece)) throw new ArchiveFault("something comes after its end");
  }
}

/** What the extended headers before a header say of it. */
interface Extended {
  path?: string;
  size?: number;
}

async function readExtended(tape: Tape, { type, size }: TarHeader): Promise<Extended> {
  if (size > EXTENDED_BYTES_MAX) {
    throw new ArchiveFault(`a header in it is over ${EXTENDED_BYTES_MAX} bytes`);
  }
  const bytes = await tape.exactly(size);
  await tape.exactly(padding(size));
  if (type === "L") return { path: decodeName(untilNul(bytes)) };
  if (type === "K") return {}; // A link's target; the link itself is refused.
  const records = paxRecords(bytes);
  if (type === "g") {
    // git says there which commit it is; anything that names or sizes all files is no archive of files.
    if (records.has("path") || records.has("size")) {
      throw new ArchiveFault("it has one name or size for all its files");
    }
    return {};
  }
  return fieldsOf(records);
}

function entryOf(header: TarHeader, path: string, content: () => AsyncIterable<Uint8Array>) {
  const isExecutable = (header.mode & OWNER_EXECUTES) !== 0;
  const entry = { name: path, isExecutable, content };
  switch (header.type) {
    case "0":
    case "7":
      // Before there was a type for folders, the slash told.
      if (!path.endsWith("/")) return { ...entry, kind: "file" } as const;
      if (header.size > 0) throw new ArchiveFault(`the folder ${shown(path)} has content`);
      return { ...entry, kind: "folder" } as const;
    case "5":
      if (header.size > 0) throw new ArchiveFault(`the folder ${shown(path)} has content`);
      return { ...entry, kind: "folder" } as const;
    default: {
      const what = OTHERS[header.type] ?? `of the unknown type ${shown(header.type)}`;
      return { ...entry, kind: "other", what } as const;
    }
  }
}

/** @throws ArchiveFault at whatever is not as it should be, also after the last entry */
export async function* readTar(
  stream: AsyncIterable<Buffer>,
  limits: ArchiveLimits,
): AsyncGenerator<ArchiveEntry> {
  const tape = new Tape(stream, limits);
  let extended: Extended | undefined;
  try {
    for (;;) {
      const block = await tape.exactly(BLOCK_BYTES);
      if (isZero(block)) break;
      const header = headerOf(block);
      if ("xgLK".includes(header.type)) {
        extended = { ...extended, ...(await readExtended(tape, header)) };
        continue;
      }
      const size = extended?.size ?? header.size;
      let left = size;
      async function* content(): AsyncGenerator<Buffer> {
        for await (const piece of tape.pieces(size)) {
          left -= piece.byteLength;
          yield piece;
        }
      }
      yield entryOf({ ...header, size }, extended?.path ?? header.name, content);
      for await (const piece of tape.pieces(left)) left -= piece.byteLength;
      await tape.exactly(padding(size));
      extended = undefined;
    }
    if (extended !== undefined) throw new ArchiveFault("a name in it belongs to no file");
    await expectEnd(tape);
  } finally {
    await tape.close();
  }
}
