/** The directory of a zip archive, and each file's own header, which must say the same (PKWARE APPNOTE 6.3.10). */
import type { FileHandle } from "node:fs/promises";
import { ArchiveFault, decodeName, shown } from "./entry.ts";
import { bytesAt } from "./file-bytes.ts";
import type { ArchiveLimits } from "./limits.ts";
import { findEnd } from "./zip-end.ts";

const CENTRAL = { signature: 0x02014b50, bytes: 46 };
const LOCAL = { signature: 0x04034b50, bytes: 30 };
/** Of a whole directory: names, and what programs add to each of them. */
const DIRECTORY_BYTES_MAX = 16 * 1024 * 1024;
const ENCRYPTED = 0x0001 | 0x0040 | 0x2000;
/** Size and checksum come after the data, so the local header may leave them out. */
const FOLLOWED = 0x0008;
/** What local and central flags must agree in: encryption, where sizes are, and the names' character set. */
const FLAGS_THAT_COUNT = ENCRYPTED | FOLLOWED | 0x0800;
/** With and without signature, with sizes of 4 and of 8 bytes. */
const DESCRIPTOR_BYTES: readonly number[] = [12, 16, 20, 24];
const IN_EXTRA_FIELD = 0xffff_ffff;
const ZIP64_FIELD = 0x0001;

export interface ZipRecord {
  name: string;
  flags: number;
  /** 0 stored, 8 deflated. */
  method: number;
  crc: number;
  compressed: number;
  size: number;
  /** Type and permissions as Unix has them; 0 where the writer had none. */
  mode: number;
  /** Where its local header begins. */
  offset: number;
  rawName: Buffer;
}

function centralRecord(bytes: Buffer, at: number): { record: ZipRecord; next: number } {
  const isWhole = at + CENTRAL.bytes <= bytes.byteLength;
  if (!isWhole || bytes.readUInt32LE(at) !== CENTRAL.signature) {
    throw new ArchiveFault("its directory is damaged");
  }
  const nameAt = at + CENTRAL.bytes;
  const extraAt = nameAt + bytes.readUInt16LE(at + 28);
  const next = extraAt + bytes.readUInt16LE(at + 30) + bytes.readUInt16LE(at + 32);
  if (next > bytes.byteLength) throw new ArchiveFault("its directory is damaged");
  const rawName = bytes.subarray(nameAt, extraAt);
  const record = {
    name: decodeName(rawName),
    flags: bytes.readUInt16LE(at + 8),
    method: bytes.readUInt16LE(at + 10),
    crc: bytes.readUInt32LE(at + 16),
    compressed: bytes.readUInt32LE(at + 20),
    size: bytes.readUInt32LE(at + 24),
    mode: bytes.readUInt16LE(at + 40),
    offset: bytes.readUInt32LE(at + 42),
    rawName,
  };
  const name = shown(record.name);
  if ((record.flags & ENCRYPTED) !== 0) throw new ArchiveFault(`${name} is encrypted`);
  if (record.method !== 0 && record.method !== 8) {
    throw new ArchiveFault(
      `${name} is compressed in a way that is unknown here (${record.method})`,
    );
  }
  if (bytes.readUInt16LE(at + 34) !== 0) {
    throw new ArchiveFault("it is one of several parts, should be one file");
  }
  if ([record.compressed, record.size, record.offset].includes(IN_EXTRA_FIELD)) {
    throw new ArchiveFault(`${name} is too large`);
  }
  return { record, next };
}

/** Every file and folder as the directory has it, in the order in which they lie. @throws ArchiveFault */
export async function readDirectory(
  file: FileHandle,
  limits: ArchiveLimits,
): Promise<{ records: ZipRecord[]; start: number }> {
  const { size: fileBytes } = await file.stat();
  const { entries, start, end } = await findEnd(file, fileBytes);
  if (entries > limits.entries_max || end - start > DIRECTORY_BYTES_MAX) {
    throw new ArchiveFault(`it has more than ${limits.entries_max} files and folders`);
  }
  const bytes = await bytesAt(file, start, end - start);
  const records: ZipRecord[] = [];
  let at = 0;
  while (records.length < entries) {
    const { record, next } = centralRecord(bytes, at);
    records.push(record);
    at = next;
  }
  if (at !== bytes.byteLength) throw new ArchiveFault("its directory has more than it says");
  records.sort((one, other) => one.offset - other.offset);
  return { records, start };
}

/** The sizes that zip64's extra field has in place of the ones in the header. */
function zip64Sizes(extra: Buffer): { size: bigint; compressed: bigint } | undefined {
  for (let at = 0; at + 4 <= extra.byteLength; ) {
    const [id, length] = [extra.readUInt16LE(at), extra.readUInt16LE(at + 2)];
    if (id === ZIP64_FIELD && length >= 16 && at + 20 <= extra.byteLength) {
      return { size: extra.readBigUInt64LE(at + 4), compressed: extra.readBigUInt64LE(at + 12) };
    }
    at += 4 + length;
  }
  return undefined;
}

/** Whether the local header has these sizes, or leaves them to what follows the data. */
function agreesInSizes(header: Buffer, extra: Buffer, record: ZipRecord): boolean {
  const crc = header.readUInt32LE(14);
  const [compressed, size] = [header.readUInt32LE(18), header.readUInt32LE(22)];
  const isLeftOut = (record.flags & FOLLOWED) !== 0;
  if (crc !== record.crc && !(isLeftOut && crc === 0)) return false;
  const zip64 = zip64Sizes(extra);
  const given = [
    compressed === IN_EXTRA_FIELD ? zip64?.compressed : BigInt(compressed),
    size === IN_EXTRA_FIELD ? zip64?.size : BigInt(size),
  ];
  const expected = [BigInt(record.compressed), BigInt(record.size)];
  return given.every((one, index) => one === expected[index] || (isLeftOut && one === 0n));
}

/**
 * Where the record's data begins and ends.
 * @param bounds where the record may lie: from the end of the one before to the beginning of the next
 * @throws ArchiveFault when its own header says otherwise than the directory: a program that reads only one
 * of the two would see another archive
 */
export async function locate(
  file: FileHandle,
  record: ZipRecord,
  bounds: { start: number; end: number },
): Promise<{ start: number; end: number }> {
  const name = shown(record.name);
  if (record.offset !== bounds.start) throw new ArchiveFault(`${name} is not where it should be`);
  if (record.offset + LOCAL.bytes > bounds.end) throw new ArchiveFault(`${name} is cut off`);
  const header = await bytesAt(file, record.offset, LOCAL.bytes);
  if (header.readUInt32LE(0) !== LOCAL.signature) throw new ArchiveFault(`${name} has no header`);
  const [nameBytes, extraBytes] = [header.readUInt16LE(26), header.readUInt16LE(28)];
  const start = record.offset + LOCAL.bytes + nameBytes + extraBytes;
  const end = start + record.compressed;
  if (end > bounds.end) throw new ArchiveFault(`${name} lies over something else`);
  const rest = await bytesAt(file, record.offset + LOCAL.bytes, nameBytes + extraBytes);
  const agrees =
    rest.subarray(0, nameBytes).equals(record.rawName) &&
    header.readUInt16LE(8) === record.method &&
    ((header.readUInt16LE(6) ^ record.flags) & FLAGS_THAT_COUNT) === 0 &&
    agreesInSizes(header, rest.subarray(nameBytes), record);
  if (!agrees) throw new ArchiveFault(`the two headers of ${name} disagree`);
  const gap = bounds.end - end;
  const isGapFine = (record.flags & FOLLOWED) === 0 ? gap === 0 : DESCRIPTOR_BYTES.includes(gap);
  if (!isGapFine) throw new ArchiveFault(`something that is not listed follows ${name}`);
  return { start, end };
}
