/** Runs calls of one extension: each with its own limits, none able to hold up the others. */
import type { ToolHostSettings } from "../../contract/config.ts";
import type { ToolResult } from "../../contract/tool.ts";
import type {
  HostAnswer,
  HostCall,
  HostCompletion,
  Suggestions,
} from "../../contract/tool-call.ts";
import type { Callable } from "../../extensions/callable.ts";
import type { LoadedTools } from "../../extensions/load-tools.ts";
import { normaliseResult } from "../../extensions/result.ts";
import { messageOf, NotFoundError } from "../../lib/errors.ts";
import { type Logger, redact } from "../../lib/log.ts";
import { callTimeoutMs, failure, inWords } from "../../tools/limits.ts";
import { CallContext, CannotAskError } from "./context.ts";
import type { Hear } from "./leg.ts";
import { OpenCall, PARKED_MAX_MS } from "./open-call.ts";
import { encodeResult, structuredOf } from "./result.ts";
import { Slots } from "./slots.ts";

/** Calls that were given up but never ended still hold memory: with this many, a new process is better. */
const ABANDONED_MAX = 64;
/** Calls that wait for the answers of clients at once. */
const PARKED_MAX = 256;
/** What MCP clients show of suggestions. */
const SUGGESTIONS_MAX = 100;
const COMPLETION_TIMEOUT_MS = 5_000;

interface CallRunnerOptions {
  extension: string;
  /** Left out of what failures say: the text of an error often has an address in it, with the key. */
  secrets: readonly string[];
  loaded: LoadedTools;
  /** The extension's folder for data; made when a tool first asks for it. */
  dataFolder: string;
  settings: () => Promise<ToolHostSettings>;
  log: Logger;
  /** No call is under way any more. */
  onQuiet: () => void;
  /** Too many calls went on after their time: the process should be replaced. */
  onWornOut: () => void;
}

/** Whoever waits in one exchange. */
export interface Caller {
  /** Aborts when nobody waits for the answer any more. */
  signal: AbortSignal;
  hear: Hear;
}

const TOO_MANY_WAITING = "too many calls of this extension are waiting; try again later";

const keyOf = (kind: Callable["kind"], name: string): string => `${kind}:${name}`;

function lateness(what: "call" | "answer", timeoutMs: number): string {
  if (what === "call") return `it gave no answer within its limit of ${inWords(timeoutMs)}`;
  return `its client gave no answer to a question within ${inWords(PARKED_MAX_MS)}`;
}

export class CallRunner {
  readonly #options: CallRunnerOptions;
  readonly #callables: ReadonlyMap<string, Callable>;
  readonly #slots = new Slots();
  readonly #open = new Set<OpenCall>();
  /** Calls that wait for answers, by the name under which these come. */
  readonly #parked = new Map<string, OpenCall>();
  #abandoned = 0;

  constructor(options: CallRunnerOptions) {
    this.#options = options;
    this.#callables = new Map(
      options.loaded.callables.map((callable) => [keyOf(callable.kind, callable.name), callable]),
    );
  }

  /** Calls that wait or run. */
  get active(): number {
    return this.#open.size;
  }

  /**
   * Answers with the JSON text of a `HostEnd`, in bounded time unless the event loop is blocked.
   */
  async run(call: HostCall, caller: Caller): Promise<string> {
    const { kind = "tool", name, abilities, answers } = call;
    const { extension, loaded, settings } = this.#options;
    const callable = this.#callables.get(keyOf(kind, name));
    if (callable === undefined) {
      const why = [`the running host of "${extension}" has no such ${kind}`, ...loaded.problems];
      return JSON.stringify(this.#failure({ kind, name }, why.join("; ")));
    }
    const limits = await settings();
    const timeoutMs = callTimeoutMs(callable, limits);
    const open: OpenCall = new OpenCall({
      ...{ callable, abilities, answers, timeoutMs, hear: caller.hear },
      onLate: (what) => this.#giveUp(open, lateness(what, timeoutMs)),
      onParked: () => this.#park(open),
    });
    this.#open.add(open);
    void this.#execute(open, { given: call.arguments, limits });
    return this.#exchange(open, caller);
  }

  /**
   * Goes on with a call that asked something.
   * @throws NotFoundError when no call of that name waits for answers
   */
  async answer({ call, answers, abilities }: HostAnswer, caller: Caller): Promise<string> {
    const open = this.#parked.get(call);
    if (open === undefined) {
      throw new NotFoundError("Cannot go on with the call: it does not wait for answers any more");
    }
    this.#parked.delete(call);
    const { conversation, controller } = open;
    if (!conversation.hasEnded) {
      const { concurrency } = await this.#options.settings();
      // The tool goes on the moment that it has its answers: its turn comes first.
      const turn = await this.#slots.take(concurrency, controller.signal);
      open.hasSlot = turn === "taken";
      if (turn === "full") this.#giveUp(open, TOO_MANY_WAITING);
      else open.resume();
    }
    conversation.resume(answers, abilities, caller.hear);
    // It may have ended without waiting for the answers.
    if (conversation.hasEnded) this.#remove(open);
    return this.#exchange(open, caller);
  }

  /** Gives up a call that asked something, when nobody is going to answer. */
  cancel(call: string): void {
    const open = this.#parked.get(call);
    if (open !== undefined) this.#giveUp(open, "its caller went away");
  }

  /** Suggestions for an argument; none when there is nothing to suggest. */
  async complete(asked: HostCompletion): Promise<Suggestions> {
    const callable = this.#callables.get(keyOf(asked.kind, asked.name));
    const complete = callable?.complete[asked.argument];
    if (complete === undefined) return { values: [] };
    const late = Promise.withResolvers<readonly string[]>();
    const timer = setTimeout(() => late.resolve([]), COMPLETION_TIMEOUT_MS);
    try {
      const values = await Promise.race([complete(asked.value, asked.others ?? {}), late.promise]);
      return { values: values.map(String).slice(0, SUGGESTIONS_MAX) };
    } finally {
      clearTimeout(timer);
    }
  }

  /** Answers every open call with a failure: the process is about to end. */
  failAll(what: string): void {
    for (const open of this.#open) this.#giveUp(open, what);
  }

  /** One exchange with whoever waits for the call. */
  async #exchange(open: OpenCall, { signal }: Caller): Promise<string> {
    const { leg } = open.conversation;
    const onGone = (): void => {
      if (leg?.ended === false) this.#giveUp(open, "its caller went away");
    };
    // It stays: the exchange, and with it the signal, ends soon after.
    if (signal.aborted) onGone();
    else signal.addEventListener("abort", onGone, { once: true });
    return (await leg?.answer) ?? JSON.stringify(this.#failure(open.callable, "it has ended"));
  }

  #failure(what: Parameters<typeof failure>[0], why: string): ToolResult {
    return failure(what, redact(why, this.#options.secrets));
  }

  #park(open: OpenCall): void {
    this.#free(open);
    const { call } = open.conversation;
    if (call !== undefined) this.#parked.set(call, open);
    if (this.#parked.size > PARKED_MAX) {
      this.#giveUp(open, "too many calls of this extension wait for the answers of their clients");
    }
  }

  #giveUp(open: OpenCall, what: string): void {
    const { name } = open.callable;
    this.#options.log.warn("A call was given up", { name, why: what });
    open.conversation.end(JSON.stringify(this.#failure(open.callable, what)));
    this.#remove(open);
    open.controller.abort(new DOMException(what, "AbortError"));
  }

  #finish(open: OpenCall, json: string): void {
    const isParked = open.conversation.leg === undefined;
    open.conversation.end(json);
    // Whoever brings answers shall find the end.
    if (!isParked) this.#remove(open);
  }

  #remove(open: OpenCall): void {
    open.stopClock();
    const { call } = open.conversation;
    if (call !== undefined) this.#parked.delete(call);
    if (this.#open.delete(open) && this.#open.size === 0) this.#options.onQuiet();
  }

  #free(open: OpenCall): void {
    if (!open.hasSlot) return;
    open.hasSlot = false;
    this.#slots.release();
  }

  /** Checks the arguments, waits for a slot, runs the call; never rejects. */
  async #execute(
    open: OpenCall,
    { given, limits }: { given: Record<string, unknown>; limits: ToolHostSettings },
  ): Promise<void> {
    const { callable, controller } = open;
    const fail = (what: string, more: Partial<ToolResult> = {}): void =>
      this.#finish(open, JSON.stringify({ ...this.#failure(callable, what), ...more }));
    try {
      const args = await callable.check(given);
      if ("wrong" in args) {
        fail(`its arguments are not right:\n${args.wrong}`);
        return;
      }
      const turn = await this.#slots.take(limits.concurrency, controller.signal);
      open.hasSlot = turn === "taken";
      if (turn === "full") fail(TOO_MANY_WAITING);
      if (turn !== "taken") return;
      const result = await this.#inSlot(open, args.value);
      const { checkOutput } = callable;
      const isChecked = checkOutput !== undefined && result.success;
      const unfit = isChecked ? await checkOutput(structuredOf(result)) : undefined;
      if (unfit !== undefined) fail(`its result does not fit its output schema:\n${unfit}`);
      else {
        const bound = { subject: callable, bytesMax: limits.result_bytes_max };
        this.#finish(open, encodeResult(result, bound));
      }
    } catch (error) {
      this.#options.log.warn("A call failed", { name: callable.name, error });
      fail(messageOf(error), error instanceof CannotAskError ? { needs: error.needs } : {});
    }
  }

  /** Frees the slot when the call is answered, even if the tool does not heed its signal and goes on. */
  async #inSlot(open: OpenCall, args: Record<string, unknown>): Promise<ToolResult> {
    const { callable, controller, conversation } = open;
    const { extension, dataFolder, log } = this.#options;
    const { signal } = controller;
    const onGivenUp = (): void => {
      this.#abandoned += 1;
      this.#free(open);
      if (this.#abandoned >= ABANDONED_MAX) this.#options.onWornOut();
    };
    signal.addEventListener("abort", onGivenUp, { once: true });
    try {
      const context = new CallContext({ extension, dataFolder, log, signal, conversation });
      return normaliseResult(await callable.run(args, context));
    } finally {
      signal.removeEventListener("abort", onGivenUp);
      if (signal.aborted) this.#abandoned -= 1;
      this.#free(open);
    }
  }
}
