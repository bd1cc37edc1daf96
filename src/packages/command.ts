/** Runs one command of an install: its lines are told, its time and what it writes are bounded, and it ends as a group. */
import { setTimeout } from "node:timers/promises";
import { MARK_VARIABLE } from "../config/mark.ts";
import { UpstreamError } from "../lib/errors.ts";
import { allProcesses, findByVariable, type ProcessStat, sendSignal } from "../lib/proc.ts";
import { measureTrees, type TreeBounds, tooMuch } from "./tree-size.ts";

const LINE_LENGTH_MAX = 2_000;
/** Beyond this the log says nothing new. */
const LINES_MAX = 5_000;
/** What an error tells of the command's last words. */
const TOLD_LINES = 15;
/** Between two looks at what was written; a large tree is looked at less often. */
const LOOK_MS = 1_000;
const LOOK_SHARE = 10;
/** What was killed is gone soon, unless the disk does not answer. */
const END_TIMEOUT_MS = 10_000;
const END_POLL_MS = 10;
const READ_TIMEOUT_MS = 2_000;

export interface InstallCommand {
  /** `ui/package.json`, for errors. */
  what: string;
  command: readonly string[];
  cwd: string;
  env: Readonly<Record<string, string>>;
  /** Known by it wherever it goes: nobody else may have it. */
  mark: string;
  timeoutMs: number;
  /** Folders that the command fills, and how far. */
  bounds: TreeBounds & { folders: readonly string[] };
  log(line: string): void;
  signal?: AbortSignal | undefined;
}

/** Tells whole lines, without colours, and remembers the last ones. */
class Lines {
  readonly last: string[] = [];
  readonly #log: (line: string) => void;
  #count = 0;

  constructor(log: (line: string) => void) {
    this.#log = log;
  }

  #tell(line: string): void {
    const text = Bun.stripANSI(line).trimEnd().slice(0, LINE_LENGTH_MAX);
    if (text === "") return;
    this.last.push(text);
    if (this.last.length > TOLD_LINES) this.last.shift();
    this.#count += 1;
    if (this.#count <= LINES_MAX) this.#log(text);
    else if (this.#count === LINES_MAX + 1) this.#log("(It says more than is told here.)");
  }

  async read(stream: ReadableStream<Uint8Array>): Promise<void> {
    const decoder = new TextDecoder();
    let rest = "";
    for await (const chunk of stream) {
      const lines = (rest + decoder.decode(chunk, { stream: true })).split(/\r?\n|\r/);
      rest = lines.pop() ?? "";
      for (const line of lines) this.#tell(line);
      if (rest.length > LINE_LENGTH_MAX) {
        this.#tell(rest);
        rest = "";
      }
    }
    this.#tell(rest);
  }
}

/** Looks at what is written until `signal` aborts. @returns what is too much, in words */
async function watchSize(
  bounds: InstallCommand["bounds"],
  signal: AbortSignal,
): Promise<string | undefined> {
  let waitMs = LOOK_MS;
  for (;;) {
    await setTimeout(waitMs, undefined, { signal }).catch(() => undefined); // It has ended.
    if (signal.aborted) return undefined;
    const began = performance.now();
    const excess = tooMuch(await measureTrees(bounds.folders, bounds), bounds);
    if (excess !== undefined) return excess;
    waitMs = Math.max(LOOK_MS, (performance.now() - began) * LOOK_SHARE);
  }
}

/** Ends what `find` finds, and waits until it finds nothing any more. */
export async function endAll(find: () => readonly ProcessStat[]): Promise<void> {
  const deadline = performance.now() + END_TIMEOUT_MS;
  for (;;) {
    const left = find();
    if (left.length === 0 || performance.now() > deadline) return;
    for (const one of left) sendSignal(one.pid, "SIGKILL");
    await setTimeout(END_POLL_MS);
  }
}

/**
 * Resolves when the command has ended with code 0 and nothing of its group is left.
 * @throws UpstreamError with its last words; the signal's reason when it was aborted
 */
export async function runInstall(options: InstallCommand): Promise<void> {
  const { what, command, cwd, env, mark, timeoutMs, bounds, signal } = options;
  signal?.throwIfAborted();
  const child = Bun.spawn([...command], {
    cwd,
    env: { ...env, [MARK_VARIABLE]: mark },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
    detached: true,
  });
  // The whole group: what it started must not go on writing.
  const end = (): void => void sendSignal(-child.pid, "SIGKILL");
  let why: string | undefined;
  const timer = globalThis.setTimeout(() => {
    why ??= `it took longer than ${timeoutMs / 1000} s`;
    end();
  }, timeoutMs);
  signal?.addEventListener("abort", end, { once: true });
  const watching = new AbortController();
  const watched = watchSize(bounds, watching.signal).then((excess) => {
    if (excess === undefined) return;
    why ??= excess;
    end();
  });
  const lines = new Lines(options.log);
  const read = Promise.all([lines.read(child.stdout), lines.read(child.stderr)]);
  try {
    await child.exited;
    await endAll(() => [
      ...allProcesses().filter(({ group }) => group === child.pid),
      ...findByVariable(MARK_VARIABLE, (value) => value === mark),
    ]);
    // One that took off its mark and its group may hold the output open.
    await Promise.race([read, setTimeout(READ_TIMEOUT_MS)]);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", end);
    watching.abort();
    await watched;
  }
  signal?.throwIfAborted();
  why ??= tooMuch(await measureTrees(bounds.folders, bounds), bounds);
  if (why === undefined && child.exitCode === 0) return;
  why ??= `${child.signalCode ?? `exit code ${child.exitCode}`}: ${lines.last.join("\n")}`;
  throw new UpstreamError(`Cannot install the packages of "${what}": ${why}`);
}
