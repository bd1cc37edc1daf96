/** Runs an extension's Python tools in a process beside the tool host, and starts it again when a tool has ended it. */
import type { ToolHostSettings } from "../../contract/config.ts";
import type { ForeignFile, ForeignFiles } from "../../extensions/foreign-files.ts";
import { messageOf } from "../../lib/errors.ts";
import type { Logger } from "../../lib/log.ts";
import { PythonProcess } from "./python-process.ts";

/** What all files may take together; whoever starts a host or a description waits a little longer. */
const LOAD_TIMEOUT_MS = 15_000;

interface PythonHostOptions {
  cwd: string;
  /** Python and Luna's own variables for it; a sentence when there is none. */
  python(): Promise<
    { program: string; script: string; env: Readonly<Record<string, string>> } | string
  >;
  settings(): Promise<ToolHostSettings>;
  log: Logger;
}

const failed = (file: string, text: string): ForeignFile => ({
  file,
  tools: [],
  system_prompt: "",
  problems: [{ text }],
});

export class PythonHost implements ForeignFiles {
  isMissing = false;
  readonly #options: PythonHostOptions;
  readonly #processes = new Set<PythonProcess>();
  #folder = "";
  /** Those that did not break their process when they were imported. */
  #files: readonly string[] = [];
  #current: Promise<PythonProcess> | undefined;

  constructor(options: PythonHostOptions) {
    this.#options = options;
  }

  /** A file that ends or holds up its process is left out, and the others are loaded in another one. */
  async load(folder: string, files: readonly string[]): Promise<readonly ForeignFile[]> {
    this.#folder = folder;
    const broken = new Map<string, string>();
    const deadline = performance.now() + LOAD_TIMEOUT_MS;
    for (;;) {
      this.#files = files.filter((file) => !broken.has(file));
      const told = (loaded: readonly ForeignFile[]): ForeignFile[] =>
        files.map((file) => {
          const one = loaded.find((other) => other.file === file);
          return one ?? failed(file, broken.get(file) ?? "there was no time left to import it");
        });
      if (this.#files.length === 0) return told([]);
      const started = await this.#start();
      if (typeof started === "string") return files.map((file) => failed(file, started));
      const why = await this.#untilLoaded(started, deadline);
      if (why === undefined) {
        this.#current = Promise.resolve(started);
        return told(started.loaded);
      }
      const { loading } = started;
      if (loading === undefined) return files.map((file) => failed(file, why));
      broken.set(loading, why);
      if (performance.now() >= deadline) {
        this.#files = started.loaded.map(({ file }) => file);
        return told(started.loaded);
      }
    }
  }

  async call(name: string, args: Record<string, unknown>, signal: AbortSignal): Promise<unknown> {
    const python = await this.#usable();
    return python.call(name, args, signal);
  }

  /** Ends every process of it, at once. */
  kill(): void {
    for (const one of this.#processes) one.kill();
  }

  /** The process that takes calls; one that ended or was given up is replaced. */
  async #usable(): Promise<PythonProcess> {
    for (;;) {
      const known = this.#current;
      const current = await known?.catch(() => undefined); // The next attempt may go better.
      if (current?.isUsable === true) return current;
      // Unless somebody else has begun to start one meanwhile.
      if (this.#current !== known) continue;
      this.#current = this.#startAgain();
      return this.#current;
    }
  }

  async #startAgain(): Promise<PythonProcess> {
    const started = await this.#start();
    if (typeof started === "string") throw new Error(started);
    const why = await this.#untilLoaded(started, performance.now() + LOAD_TIMEOUT_MS);
    if (why !== undefined) throw new Error(why);
    return started;
  }

  async #start(): Promise<PythonProcess | string> {
    const { python, cwd, log, settings } = this.#options;
    const found = await python();
    this.isMissing = typeof found === "string";
    if (typeof found === "string") return found;
    const { program, script, env } = found;
    const command = [program, script, this.#folder, String(process.pid), ...this.#files];
    const resultBytesMax = (await settings()).result_bytes_max;
    let started: PythonProcess;
    try {
      started = new PythonProcess({ command, cwd, env, log, resultBytesMax });
    } catch (error) {
      this.isMissing = true;
      return `Cannot start "${program}": ${messageOf(error)}`; // It is no program any more.
    }
    this.#processes.add(started);
    void started.ended.then((how) => {
      this.#processes.delete(started);
      log.debug("The Python process has ended", { how });
    });
    return started;
  }

  /** @returns why it could not be loaded; it has ended then */
  async #untilLoaded(started: PythonProcess, deadline: number): Promise<string | undefined> {
    const late = Promise.withResolvers<string>();
    const leftMs = Math.max(0, deadline - performance.now());
    const timer = setTimeout(
      () => late.resolve(`it was not imported within ${LOAD_TIMEOUT_MS / 1000} s`),
      leftMs,
    );
    const ended = started.ended.then(
      (how) => started.unfit ?? `it ends its process (${how}) when it is imported`,
    );
    const ready = started.ready.then(
      () => undefined,
      () => ended,
    );
    const why = await Promise.race([ready, late.promise]);
    clearTimeout(timer);
    if (why !== undefined) {
      started.kill();
      await started.ended;
    }
    return why;
  }
}
