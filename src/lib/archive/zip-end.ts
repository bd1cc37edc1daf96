/** The end of a zip archive, which says where its directory is (PKWARE APPNOTE 6.3.10, 4.3.14 to 4.3.16). */
import type { FileHandle } from "node:fs/promises";
import { ArchiveFault } from "./entry.ts";
import { bytesAt } from "./file-bytes.ts";

const END = { signature: 0x06054b50, bytes: 22, comment_bytes_max: 0xffff };
/** What programs that write streams put before it, whether they need it or not. */
const END_64 = { signature: 0x06064b50, bytes: 56 };
const LOCATOR = { signature: 0x07064b50, bytes: 20 };
/** What END has where only END_64 says it. */
const ELSEWHERE = { short: 0xffff, long: 0xffff_ffff };

export interface ZipEnd {
  entries: number;
  /** Where the directory begins and ends. */
  start: number;
  end: number;
}

interface Said {
  entries: bigint;
  length: bigint;
  start: bigint;
}

/** What END_64 says, when one lies right before `at`. */
async function end64Before(
  file: FileHandle,
  at: number,
): Promise<(Said & { at: number }) | undefined> {
  const begin = at - LOCATOR.bytes - END_64.bytes;
  if (begin < 0) return undefined;
  const bytes = await bytesAt(file, begin, LOCATOR.bytes + END_64.bytes);
  if (bytes.readUInt32LE(END_64.bytes) !== LOCATOR.signature) return undefined;
  const isHere = bytes.readBigUInt64LE(END_64.bytes + 8) === BigInt(begin);
  const isPlain = bytes.readBigUInt64LE(4) === BigInt(END_64.bytes - 12);
  if (!isHere || !isPlain || bytes.readUInt32LE(0) !== END_64.signature) {
    throw new ArchiveFault("its directory is not where it says");
  }
  const [entries, length, start] = [32, 40, 48].map((field) => bytes.readBigUInt64LE(field));
  return { at: begin, entries: entries ?? 0n, length: length ?? 0n, start: start ?? 0n };
}

/** The one of both ends' numbers, which agree. */
function agreed(short: number, long: bigint | undefined, elsewhere: number): number {
  if (long === undefined || (short !== elsewhere && BigInt(short) !== long)) {
    if (long !== undefined) throw new ArchiveFault("its two ends disagree");
    return short;
  }
  return Number(long);
}

async function endAt(file: FileHandle, bytes: Buffer, at: number): Promise<ZipEnd> {
  const [disk, directoryDisk] = [bytes.readUInt16LE(4), bytes.readUInt16LE(6)];
  const [here, entries] = [bytes.readUInt16LE(8), bytes.readUInt16LE(10)];
  if (disk !== 0 || directoryDisk !== 0 || here !== entries) {
    throw new ArchiveFault("it is one of several parts, should be one file");
  }
  const long = await end64Before(file, at);
  const length = agreed(bytes.readUInt32LE(12), long?.length, ELSEWHERE.long);
  const start = agreed(bytes.readUInt32LE(16), long?.start, ELSEWHERE.long);
  const end = long?.at ?? at;
  if (start + length !== end) throw new ArchiveFault("its directory is not where it says");
  return { entries: agreed(entries, long?.entries, ELSEWHERE.short), start, end };
}

/** @throws ArchiveFault */
export async function findEnd(file: FileHandle, fileBytes: number): Promise<ZipEnd> {
  const tail = Math.min(fileBytes, END.bytes + END.comment_bytes_max);
  const bytes = await bytesAt(file, fileBytes - tail, tail);
  for (let at = tail - END.bytes; at >= 0; at -= 1) {
    if (bytes.readUInt32LE(at) !== END.signature) continue;
    // One within a comment does not reach to the end of the file.
    if (at + END.bytes + bytes.readUInt16LE(at + 20) !== tail) continue;
    return endAt(file, bytes.subarray(at), fileBytes - tail + at);
  }
  throw new ArchiveFault("it is cut off: its directory is missing");
}
