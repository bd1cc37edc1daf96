/** Reads what was appended to a segment since the last look, whole lines only, and removes it when its writer is gone. */
import {
  closeSync,
  fstatSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
} from "node:fs";
import { AuditEvent } from "../contract/audit.ts";
import { flock } from "../lib/lock.ts";
import { segmentsIn, UNREADABLE } from "./spool.ts";

/** Read at once. No line is nearly as long. */
const CHUNK_BYTES = 256 * 1024;
const NEWLINE = 0x0a;

export interface Chunk {
  events: AuditEvent[];
  /** Lines that are no events. */
  unreadable: number;
  /** Where to go on. */
  end: number;
}

function parseEvent(line: string): AuditEvent | undefined {
  try {
    return AuditEvent.safeParse(JSON.parse(line)).data;
  } catch {
    // Not even JSON.
    return undefined;
  }
}

/** Where the last whole line ends; all of it when a line would be longer than a chunk, or no more will come. */
function wholeBytes(bytes: Buffer, isFinal: boolean): number {
  const end = bytes.lastIndexOf(NEWLINE) + 1;
  const isTooLong = end === 0 && bytes.length === CHUNK_BYTES;
  return isTooLong || (isFinal && bytes.length < CHUNK_BYTES) ? bytes.length : end;
}

/**
 * The lines that begin at `offset`.
 * @param isFinal whether nothing will be added: what has no newline is then a line too, as far as it is whole
 */
function readChunk(fd: number, offset: number, isFinal: boolean): Chunk {
  const buffer = Buffer.alloc(CHUNK_BYTES);
  const bytes = buffer.subarray(0, readSync(fd, buffer, 0, CHUNK_BYTES, offset));
  const length = wholeBytes(bytes, isFinal);
  const chunk: Chunk = { events: [], unreadable: 0, end: offset + length };
  const lines = bytes.toString("utf8", 0, length).split("\n");
  // Behind the last newline there is nothing, or what its writer was killed in: that was never recorded.
  const rest = parseEvent(lines.pop() ?? "");
  for (const line of lines) {
    const event = parseEvent(line);
    if (event === undefined) chunk.unreadable += 1;
    else chunk.events.push(event);
  }
  if (rest !== undefined) chunk.events.push(rest);
  else if (length === CHUNK_BYTES && lines.length === 0) chunk.unreadable += 1;
  return chunk;
}

export class SegmentReader {
  readonly path: string;
  #offset = 0;
  #unreadable = 0;

  constructor(path: string) {
    this.path = path;
  }

  /**
   * Gives all that is new to `take`, chunk by chunk; what it throws ends this look, and the same comes again.
   * @returns whether the segment is done with, and gone
   */
  async read(take: (chunk: Chunk) => Promise<{ unreadable: number }>): Promise<boolean> {
    const fd = this.#open();
    if (fd === undefined) return true;
    try {
      await this.#readFrom(fd, { isFinal: false, take });
      // Locked now: its writer closed it or died, so nothing is added between the last look and the end.
      if (!flock(fd)) return false;
      await this.#readFrom(fd, { isFinal: true, take });
      this.#remove();
      return true;
    } finally {
      closeSync(fd);
    }
  }

  #open(): number | undefined {
    try {
      return openSync(this.path, "r");
    } catch (error) {
      // Another one was quicker to free it.
      if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
      throw error;
    }
  }

  async #readFrom(
    fd: number,
    options: { isFinal: boolean; take(chunk: Chunk): Promise<{ unreadable: number }> },
  ): Promise<void> {
    while (this.#offset < fstatSync(fd).size) {
      const chunk = readChunk(fd, this.#offset, options.isFinal);
      if (chunk.end === this.#offset) return;
      const { unreadable } = await options.take(chunk);
      this.#unreadable += unreadable;
      this.#offset = chunk.end;
    }
  }

  #remove(): void {
    if (this.#unreadable === 0) rmSync(this.path, { force: true });
    else renameSync(this.path, `${this.path}${UNREADABLE}`);
  }
}

/** The events that wait in the spool, as far as it can be read, segment by segment; the spool stays as it is. */
export function* readSpool(folder: string): Generator<AuditEvent[]> {
  for (const path of segmentsIn(folder)) {
    const text = readTextSync(path);
    yield text.split("\n").flatMap((line) => parseEvent(line) ?? []);
  }
}

/** Nothing when the file was taken into the database meanwhile, or cannot be read, of which ingest complains. */
function readTextSync(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
