/** The headers of tar: 512 bytes of fields, and pax's records of more (POSIX.1-2017, pax, "ustar Interchange Format"). */
import { ArchiveFault, decodeName } from "./entry.ts";

export interface TarHeader {
  name: string;
  mode: number;
  size: number;
  /** `0` for a file, whatever it was written as. */
  type: string;
}

const CHECKSUM = { start: 148, end: 156 };
const SPACE = 0x20;
/** GNU's numbers that do not fit: base 256 behind this bit. */
const BASE_256 = 0x80;
/** Of a pax record's length. */
const LENGTH_DIGITS_MAX = 6;

/** The bytes before the first NUL, if there is one. */
export function untilNul(bytes: Buffer): Buffer {
  const end = bytes.indexOf(0);
  return end < 0 ? bytes : bytes.subarray(0, end);
}

function text(block: Buffer, start: number, length: number): Buffer {
  return untilNul(block.subarray(start, start + length));
}

function number(block: Buffer, start: number, length: number): number {
  const field = block.subarray(start, start + length);
  const first = field[0] ?? 0;
  if ((first & BASE_256) !== 0) {
    // As many of its bytes as a number holds exactly; the others must be zero.
    const isSmall = first === BASE_256 && field.subarray(1, length - 6).every((byte) => byte === 0);
    if (!isSmall) throw new ArchiveFault("a number in a header of it is too large");
    return field.readUIntBE(length - 6, 6);
  }
  const digits = text(block, start, length).toString("latin1").trim();
  if (!/^[0-7]*$/.test(digits)) throw new ArchiveFault("a number in a header of it is no number");
  return digits === "" ? 0 : Number.parseInt(digits, 8);
}

function checkSum(block: Buffer): void {
  let sum = SPACE * (CHECKSUM.end - CHECKSUM.start);
  for (const [index, byte] of block.entries()) {
    if (index < CHECKSUM.start || index >= CHECKSUM.end) sum += byte;
  }
  if (number(block, CHECKSUM.start, CHECKSUM.end - CHECKSUM.start) !== sum) {
    throw new ArchiveFault("a header in it is damaged: its checksum is wrong");
  }
}

/** @throws ArchiveFault */
export function headerOf(block: Buffer): TarHeader {
  checkSum(block);
  const isPosix = block.subarray(257, 263).toString("latin1") === "ustar\0";
  // GNU has other things where POSIX has the beginning of a long name.
  const prefix = isPosix ? text(block, 345, 155) : Buffer.alloc(0);
  const name = text(block, 0, 100);
  const type = String.fromCharCode(block[156] ?? 0);
  return {
    name: decodeName(
      prefix.byteLength === 0 ? name : Buffer.concat([prefix, Buffer.from("/"), name]),
    ),
    mode: number(block, 100, 8),
    size: number(block, 124, 12),
    type: type === "\0" ? "0" : type,
  };
}

/** The records of a pax header: `<length> <key>=<value>\n`, the last of a key counts. @throws ArchiveFault */
export function paxRecords(bytes: Buffer): Map<string, Buffer> {
  const records = new Map<string, Buffer>();
  for (let start = 0; start < bytes.byteLength; ) {
    const space = bytes.indexOf(SPACE, start);
    const digits = bytes.subarray(start, Math.max(space, start)).toString("latin1");
    const isLength = digits.length <= LENGTH_DIGITS_MAX && /^[1-9]\d*$/.test(digits);
    const end = start + Number(digits);
    const equals = bytes.indexOf("=", space);
    const isRecord =
      isLength && end <= bytes.byteLength && bytes[end - 1] === 0x0a && equals > space;
    if (!isRecord || equals >= end) throw new ArchiveFault("a pax header in it is damaged");
    const key = bytes.subarray(space + 1, equals).toString("latin1");
    records.set(key, bytes.subarray(equals + 1, end - 1));
    start = end;
  }
  return records;
}

/** What the records say that counts. @throws ArchiveFault for what would be another file than it looks */
export function fieldsOf(records: ReadonlyMap<string, Buffer>): { path?: string; size?: number } {
  for (const key of records.keys()) {
    if (key.startsWith("GNU.sparse")) throw new ArchiveFault("it has a sparse file");
  }
  const path = records.get("path");
  const size = records.get("size")?.toString("latin1");
  if (size !== undefined && !/^\d{1,15}$/.test(size)) {
    throw new ArchiveFault("a size in it is no number");
  }
  return {
    ...(path === undefined ? {} : { path: decodeName(path) }),
    ...(size === undefined ? {} : { size: Number(size) }),
  };
}
