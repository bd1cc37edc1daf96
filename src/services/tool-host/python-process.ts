/** One Python process that has an extension's Python tools loaded, and the lines of JSON in which it is spoken to. */
import type { Subprocess } from "bun";
import { z } from "zod";
import { InputSchema } from "../../contract/tool.ts";
import type { ForeignFile } from "../../extensions/foreign-files.ts";
import { messageOf } from "../../lib/errors.ts";
import type { Logger } from "../../lib/log.ts";

/** Room for all but a result. */
const LINE_BYTES_MIN = 4 * 1024 * 1024;
/** A tool that was told to end has this long, then its process goes. */
const CANCEL_GRACE_MS = 1_000;

const Loaded = z.object({
  event: z.literal("loaded"),
  file: z.string(),
  tools: z.array(
    z.object({
      name: z.string(),
      doc: z.string(),
      input_schema: InputSchema,
      title: z.unknown().optional(),
      annotations: z.unknown().optional(),
      timeout_ms: z.unknown().optional(),
    }),
  ),
  system_prompt: z.string(),
  problems: z.array(z.object({ tool: z.string().optional(), text: z.string() })),
});
const Message = z.discriminatedUnion("event", [
  z.object({ event: z.literal("loading"), file: z.string() }),
  Loaded,
  z.object({ event: z.literal("ready") }),
  z.object({
    event: z.literal("end"),
    call: z.int(),
    result: z.unknown().optional(),
    error: z.string().optional(),
  }),
  z.object({ event: z.literal("unfit"), text: z.string() }),
  z.object({ event: z.literal("log"), level: z.enum(["info", "warn"]), text: z.string() }),
]);
type Message = z.infer<typeof Message>;

interface Call extends PromiseWithResolvers<unknown> {
  /** It does not end although it was told to. */
  isStuck: boolean;
}

interface PythonProcessOptions {
  /** Python, the script, and what it is told. */
  command: readonly string[];
  cwd: string;
  env: Readonly<Record<string, string>>;
  log: Logger;
  resultBytesMax: number;
}

export class PythonProcess {
  /** Settles when it has ended, with how. */
  readonly ended: Promise<string>;
  readonly loaded: ForeignFile[] = [];
  /** The file that is being imported. */
  loading: string | undefined;
  /** Why this Python cannot run any tool. */
  unfit: string | undefined;
  /** No further calls: it ends when those that still move have ended. */
  isRetired = false;
  readonly #options: PythonProcessOptions;
  readonly #child: Subprocess<"pipe", "pipe", "inherit">;
  readonly #ready = Promise.withResolvers<void>();
  readonly #calls = new Map<number, Call>();
  #hasEnded = false;
  #count = 0;

  constructor(options: PythonProcessOptions) {
    this.#options = options;
    this.#child = Bun.spawn([...options.command], {
      cwd: options.cwd,
      env: { ...options.env },
      stdin: "pipe",
      stdout: "pipe",
      stderr: "inherit",
    });
    this.ended = this.#untilEnd();
  }

  /** Resolves when every file has been loaded. */
  get ready(): Promise<void> {
    return this.#ready.promise;
  }

  get isUsable(): boolean {
    return !this.isRetired && !this.#hasEnded;
  }

  kill(): void {
    this.#child.kill("SIGKILL");
  }

  async call(name: string, args: Record<string, unknown>, signal: AbortSignal): Promise<unknown> {
    this.#count += 1;
    const number = this.#count;
    const call: Call = { ...Promise.withResolvers<unknown>(), isStuck: false };
    this.#calls.set(number, call);
    let grace: NodeJS.Timeout | undefined;
    const onAbort = (): void => {
      this.#send({ cancel: number });
      grace = setTimeout(() => this.#giveUp(call), CANCEL_GRACE_MS);
    };
    const bytes_max = this.#options.resultBytesMax;
    this.#send({ call: number, name, arguments: args, bytes_max });
    if (signal.aborted) onAbort();
    else signal.addEventListener("abort", onAbort, { once: true });
    try {
      return await call.promise;
    } finally {
      signal.removeEventListener("abort", onAbort);
      clearTimeout(grace);
      this.#calls.delete(number);
      this.#endIfDone();
    }
  }

  /** A thread cannot be ended: the process will be, as soon as that costs nobody else. */
  #giveUp(call: Call): void {
    call.isStuck = true;
    this.isRetired = true;
    this.#endIfDone();
  }

  #endIfDone(): void {
    const isDone = this.#calls.values().every(({ isStuck }) => isStuck);
    if (this.isRetired && isDone && !this.#hasEnded) this.kill();
  }

  #send(message: unknown): void {
    try {
      this.#child.stdin.write(`${JSON.stringify(message)}\n`);
      void Promise.resolve(this.#child.stdin.flush()).catch(() => undefined);
    } catch {
      // It has ended: every call is told.
    }
  }

  async #untilEnd(): Promise<string> {
    try {
      await this.#read();
    } catch (error) {
      this.#options.log.error("The Python process does not speak as it should", {
        why: messageOf(error),
      });
      this.kill();
    }
    await this.#child.exited;
    this.#hasEnded = true;
    const { signalCode, exitCode } = this.#child;
    const how = signalCode === null ? `exit code ${exitCode}` : String(signalCode);
    this.#ready.reject(new Error(`its Python process ended (${how}) while it was loaded`));
    for (const call of this.#calls.values()) {
      call.reject(new Error(`its Python process ended during the call (${how})`));
    }
    return how;
  }

  async #read(): Promise<void> {
    const bytesMax = LINE_BYTES_MIN + this.#options.resultBytesMax;
    let parts: Uint8Array[] = [];
    let length = 0;
    for await (const chunk of this.#child.stdout) {
      let rest = chunk;
      for (;;) {
        const end = rest.indexOf(0x0a);
        if (end < 0) break;
        this.#receive(Buffer.concat([...parts, rest.subarray(0, end)]).toString("utf8"));
        parts = [];
        length = 0;
        rest = rest.subarray(end + 1);
      }
      if (rest.length === 0) continue;
      parts.push(rest);
      length += rest.length;
      if (length > bytesMax) throw new Error(`it wrote a line of more than ${bytesMax} bytes`);
    }
  }

  #receive(line: string): void {
    const message = Message.parse(JSON.parse(line));
    const { log } = this.#options;
    switch (message.event) {
      case "loading":
        this.loading = message.file;
        break;
      case "loaded":
        this.loading = undefined;
        this.loaded.push(message);
        break;
      case "unfit":
        this.unfit = message.text;
        break;
      case "ready":
        this.#ready.resolve();
        break;
      case "log":
        log[message.level](message.text);
        break;
      case "end":
        this.#end(message);
        break;
    }
  }

  #end({ call: number, result, error }: Extract<Message, { event: "end" }>): void {
    const call = this.#calls.get(number);
    if (error === undefined) call?.resolve(result);
    else call?.reject(new Error(error));
  }
}
