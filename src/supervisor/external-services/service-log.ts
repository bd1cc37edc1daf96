/** One command's part of a service's log: what was run, what it said with secrets taken out, and how it ended. */
import { closeSync, fstatSync, readSync, writeSync } from "node:fs";
import { createLogger, redact } from "../../lib/log.ts";
import { openLog } from "../../log-files/open.ts";

/** Of what one command says; a download that draws its progress would fill the log alone. */
const KEPT_BYTES_MAX = 1024 * 1024;
const TOLD_BYTES_MAX = 16_384;

interface ServiceLogOptions {
  path: string;
  /** The service. */
  name: string;
  secrets(): readonly string[];
  /** Also told each line, such as the journal of a run. */
  follow?: ((line: string) => void) | undefined;
}

export class ServiceLog {
  readonly #options: ServiceLogOptions;
  /** For a command that may leave a service running, which then writes there itself. */
  readonly descriptor: number;
  readonly #began: number;
  #bytes = 0;

  constructor(options: ServiceLogOptions) {
    this.#options = options;
    this.descriptor = openLog(options.path);
    this.#began = fstatSync(this.descriptor).size;
  }

  note(message: string): void {
    const { name, secrets, follow } = this.#options;
    const sink = (line: string): void => this.#write(line);
    createLogger(name, secrets, sink).info(message);
    follow?.(redact(message, secrets()));
  }

  /** A line that the command wrote. */
  line(text: string): void {
    const clean = redact(text, this.#options.secrets());
    this.#options.follow?.(clean);
    if (this.#bytes > KEPT_BYTES_MAX) return;
    this.#bytes += clean.length + 1;
    this.#write(`${clean}\n`);
    if (this.#bytes > KEPT_BYTES_MAX) this.note("It said more, which is not kept");
  }

  /** The last of what was written since this was opened, without secrets. */
  said(): string {
    try {
      const { size } = fstatSync(this.descriptor);
      const from = Math.max(this.#began, size - TOLD_BYTES_MAX);
      const bytes = Buffer.alloc(Math.max(0, size - from));
      const read = readSync(this.descriptor, bytes, 0, bytes.length, from);
      return redact(bytes.toString("utf8", 0, read), this.#options.secrets());
    } catch {
      return ""; // Where the disk takes nothing, there is nothing to read.
    }
  }

  close(): void {
    closeSync(this.descriptor);
  }

  /** A full disk is told elsewhere; the command goes on. */
  #write(text: string): void {
    try {
      writeSync(this.descriptor, text);
    } catch {
      // The line is lost.
    }
  }
}
