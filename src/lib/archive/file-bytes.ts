/** The bytes of a stretch of an open file, piece by piece. */
import type { FileHandle } from "node:fs/promises";
import { ArchiveFault } from "./entry.ts";

const PIECE_BYTES = 64 * 1024;

/** Exactly `length` bytes. @throws ArchiveFault when the file ends before */
export async function bytesAt(file: FileHandle, position: number, length: number): Promise<Buffer> {
  const bytes = Buffer.alloc(length);
  let done = 0;
  while (done < length) {
    const { bytesRead } = await file.read(bytes, done, length - done, position + done);
    if (bytesRead === 0) throw new ArchiveFault("it is cut off");
    done += bytesRead;
  }
  return bytes;
}

export async function* piecesOf(
  file: FileHandle,
  { start, end }: { start: number; end: number },
): AsyncGenerator<Buffer> {
  for (let position = start; position < end; position += PIECE_BYTES) {
    yield await bytesAt(file, position, Math.min(PIECE_BYTES, end - position));
  }
}
