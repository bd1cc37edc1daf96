/** Appends lines to one process's segments of the spool: what was appended survives the end of the process. */
import {
  closeSync,
  constants,
  fstatSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { UnavailableError } from "../lib/errors.ts";
import { PRIVATE_MODE } from "../lib/files.ts";
import { flock } from "../lib/lock.ts";
import { SEGMENT_BYTES, SPOOL_BYTES_MAX, segmentName, spoolBytes } from "./spool.ts";

const PRIVATE_FOLDER_MODE = 0o700;
const ATTEMPTS = 5;

interface Segment {
  fd: number;
  bytes: number;
}

export interface SegmentWriterOptions {
  /** `.luna/audit`. */
  folder: string;
  /** The process's name, in lower case. */
  process: string;
  segmentBytes?: number;
  spoolBytesMax?: number;
}

/**
 * A segment is locked (flock(2)) for as long as it is written to: whoever gets the lock knows that its writer closed
 * it or died, and that nothing will be added. So no line is lost between reading a segment and removing it.
 */
export class SegmentWriter {
  readonly #options: Required<SegmentWriterOptions>;
  #segment: Segment | undefined;

  constructor(options: SegmentWriterOptions) {
    this.#options = { segmentBytes: SEGMENT_BYTES, spoolBytesMax: SPOOL_BYTES_MAX, ...options };
  }

  /**
   * Appends one line, in one write.
   * @throws UnavailableError when too much waits already, or what the disk says; then nothing was appended
   */
  append(line: string): void {
    const bytes = Buffer.from(line);
    for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
      const segment = this.#current();
      this.#write(segment, bytes);
      // Somebody removed the file by hand: what is in it is gone.
      if (fstatSync(segment.fd).nlink > 0) return;
      this.close();
    }
    throw new UnavailableError("Cannot keep a file in the spool: each one is removed at once");
  }

  /** Lets the segment go; a further line begins another one. */
  close(): void {
    if (this.#segment !== undefined) closeSync(this.#segment.fd);
    this.#segment = undefined;
  }

  #current(): Segment {
    if (this.#segment !== undefined && this.#segment.bytes >= this.#options.segmentBytes) {
      this.close();
    }
    this.#segment ??= this.#begin();
    return this.#segment;
  }

  #begin(): Segment {
    const { folder, spoolBytesMax } = this.#options;
    if (spoolBytes(folder) >= spoolBytesMax) {
      throw new UnavailableError(
        `Cannot record more: ${spoolBytesMax} bytes of events wait in "${folder}" for the database`,
      );
    }
    mkdirSync(folder, { recursive: true, mode: PRIVATE_FOLDER_MODE });
    const { O_WRONLY, O_APPEND, O_CREAT, O_EXCL } = constants;
    for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
      const path = join(folder, segmentName(this.#options.process, Date.now()));
      const fd = openSync(path, O_WRONLY | O_APPEND | O_CREAT | O_EXCL, PRIVATE_MODE);
      // Between the two a reader may have taken it for one that was left, and removed it.
      if (flock(fd) && fstatSync(fd).nlink > 0) return { fd, bytes: 0 };
      closeSync(fd);
    }
    throw new UnavailableError(`Cannot begin a file in "${folder}": each one is taken at once`);
  }

  #write(segment: Segment, bytes: Buffer): void {
    const written = writeSync(segment.fd, bytes);
    if (written < bytes.length) {
      // A full disk took the beginning; the next line must not follow half a line.
      ftruncateSync(segment.fd, segment.bytes);
      throw new UnavailableError("Cannot write an event: the disk has no room for it");
    }
    segment.bytes += written;
  }
}
