/** Runs one command of a definition: in a group of its own, with a bound in time, and with nothing of it left. */
import { MARK_VARIABLE } from "../config/mark.ts";
import { messageOf } from "../lib/errors.ts";
import { findByVariable, isSameProcess, sendSignal } from "../lib/proc.ts";

/** From SIGTERM to SIGKILL. */
const GRACE_MS = 2_000;
/** What still holds the output of a command that has ended may say this much longer. */
const OUTPUT_GRACE_MS = 250;
/** Of what a command says, the end is kept for whoever asks how it went. */
const KEPT_CHARACTERS = 16_384;
/** A line without an end is handed on in pieces. */
const LINE_CHARACTERS_MAX = 16_384;

export interface CommandRun {
  /** For `sh -c`. */
  text: string;
  cwd: string;
  environment: Record<string, string>;
  /** Its `LUNA_PROCESS_ID`. */
  mark: string;
  timeoutMs: number;
  signal?: AbortSignal | undefined;
  /**
   * Lines as they come; or a file's descriptor for a command that may leave a service running, which then holds
   * the file itself and outlives whoever started it.
   */
  output: { line(text: string): void } | { descriptor: number };
}

export type CommandEnd =
  | { how: "exit"; code: number; said: string }
  | { how: "signal"; name: string; said: string }
  | { how: "timeout"; after_ms: number; said: string }
  | { how: "aborted"; said: string }
  | { how: "not_started"; why: string; said: string };

/** How it ended, in words. */
export function endInWords(end: CommandEnd): string {
  switch (end.how) {
    case "exit":
      return `exit code ${end.code}`;
    case "signal":
      return `signal ${end.name}`;
    case "timeout":
      return `no end within ${end.after_ms / 1000} s`;
    case "aborted":
      return "given up";
    case "not_started":
      return end.why;
  }
}

/** Gathers output: whole lines for whoever follows, and the last of it. */
class Output {
  readonly #line: (text: string) => void;
  #rest = "";
  #kept = "";

  constructor(line: (text: string) => void) {
    this.#line = line;
  }

  add(text: string): void {
    this.#kept = (this.#kept + text).slice(-KEPT_CHARACTERS);
    const lines = (this.#rest + text).split("\n");
    this.#rest = lines.pop() ?? "";
    for (const line of lines) this.#line(line);
    if (this.#rest.length > LINE_CHARACTERS_MAX) this.end();
  }

  end(): void {
    if (this.#rest !== "") this.#line(this.#rest);
    this.#rest = "";
  }

  get said(): string {
    return this.#kept;
  }
}

/** Reads until the end, or until `stop` is called. */
function follow(stream: ReadableStream<Uint8Array>, output: Output) {
  const reader = stream.getReader();
  const decoder = new TextDecoder();
  const read = async (): Promise<void> => {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      output.add(decoder.decode(value, { stream: true }));
    }
  };
  return { ended: read(), stop: () => reader.cancel() };
}

/** Never throws: what goes wrong is how it ended. */
export async function runCommand(run: CommandRun): Promise<CommandEnd> {
  if (run.signal?.aborted === true) return { how: "aborted", said: "" };
  const output = new Output("line" in run.output ? run.output.line : () => undefined);
  const held = "descriptor" in run.output ? run.output.descriptor : undefined;
  let child: Bun.Subprocess<"ignore", "pipe" | number, "pipe" | number>;
  try {
    child = Bun.spawn(["/bin/sh", "-c", run.text], {
      cwd: run.cwd,
      env: { ...run.environment, [MARK_VARIABLE]: run.mark },
      stdin: "ignore",
      stdout: held ?? "pipe",
      stderr: held ?? "pipe",
      detached: true,
    });
  } catch (error) {
    return { how: "not_started", why: messageOf(error), said: "" };
  }
  const streams = [child.stdout, child.stderr].flatMap((stream) =>
    stream instanceof ReadableStream ? [follow(stream, output)] : [],
  );
  const cut = await untilEnded(child, run);
  // A service that was just started is in this group, unless the start has failed.
  if (held === undefined || cut !== undefined) sendSignal(-child.pid, "SIGKILL");
  const whole = Promise.all(streams.map(({ ended }) => ended));
  await Promise.race([whole, Bun.sleep(OUTPUT_GRACE_MS)]);
  await Promise.all(streams.map(({ stop }) => stop()));
  output.end();
  const { said } = output;
  if (cut === "timeout") return { how: "timeout", after_ms: run.timeoutMs, said };
  if (cut === "aborted") return { how: "aborted", said };
  return child.signalCode === null
    ? { how: "exit", code: child.exitCode ?? 0, said }
    : { how: "signal", name: String(child.signalCode), said };
}

/** Ends the whole group when it takes too long or nobody wants it any more; why, when that was so. */
async function untilEnded(
  child: Bun.Subprocess<"ignore", "pipe" | number, "pipe" | number>,
  { timeoutMs, signal }: CommandRun,
): Promise<"timeout" | "aborted" | undefined> {
  const over = Promise.withResolvers<"timeout" | "aborted">();
  const timer = setTimeout(() => over.resolve("timeout"), timeoutMs);
  const abort = (): void => over.resolve("aborted");
  signal?.addEventListener("abort", abort);
  const cut = await Promise.race([child.exited.then(() => undefined), over.promise]);
  clearTimeout(timer);
  signal?.removeEventListener("abort", abort);
  if (cut === undefined) return undefined;
  sendSignal(-child.pid, "SIGTERM");
  const isGone = child.exited.then(() => true);
  if (!(await Promise.race([isGone, Bun.sleep(GRACE_MS).then(() => false)]))) {
    sendSignal(-child.pid, "SIGKILL");
  }
  await child.exited;
  return cut;
}

const END_POLL_MS = 20;
const END_TIMEOUT_MS = 2_000;

/**
 * Ends what carries the mark, wherever it went: TERM, then KILL.
 * @returns how many there were
 */
export async function endMarkedAs(mark: string, graceMs = GRACE_MS): Promise<number> {
  const look = () => findByVariable(MARK_VARIABLE, (other) => other === mark);
  const first = look();
  for (const { pid } of first) sendSignal(pid, "SIGTERM");
  const graceEnd = performance.now() + graceMs;
  const isLeft = (): boolean => first.some((one) => isSameProcess(one.pid, one.start_ticks));
  while (isLeft() && performance.now() < graceEnd) await Bun.sleep(END_POLL_MS);
  const deadline = performance.now() + END_TIMEOUT_MS;
  for (let left = look(); left.length > 0 && performance.now() < deadline; left = look()) {
    for (const { pid } of left) sendSignal(pid, "SIGKILL");
    await Bun.sleep(END_POLL_MS);
  }
  return first.length;
}
