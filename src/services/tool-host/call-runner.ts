/** Runs calls of one extension's tools: each with its own limits, none able to hold up the others. */
import { mkdirSync } from "node:fs";
import type { ToolHostSettings } from "../../contract/config.ts";
import type { ToolCall, ToolResult } from "../../contract/tool.ts";
import type { LoadedTool, LoadedTools } from "../../extensions/load-tools.ts";
import type { ToolContext } from "../../extensions/sdk.ts";
import { messageOf } from "../../lib/errors.ts";
import { explain } from "../../lib/explain.ts";
import type { Logger } from "../../lib/log.ts";
import { callTimeoutMs, failure, inWords } from "../../tools/limits.ts";
import { encodeResult, normaliseResult } from "./result.ts";
import { Slots } from "./slots.ts";

/** Calls that were given up but never ended still hold memory: with this many, a new process is better. */
const ABANDONED_MAX = 64;

interface CallRunnerOptions {
  extension: string;
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

/** A call until it is answered; whoever answers first is heard. */
interface OpenCall {
  tool: LoadedTool;
  answered: PromiseWithResolvers<string>;
  controller: AbortController;
}

export class CallRunner {
  readonly #options: CallRunnerOptions;
  readonly #tools: ReadonlyMap<string, LoadedTool>;
  readonly #slots = new Slots();
  readonly #open = new Set<OpenCall>();
  #abandoned = 0;

  constructor(options: CallRunnerOptions) {
    this.#options = options;
    this.#tools = new Map(options.loaded.tools.map((tool) => [tool.description.name, tool]));
  }

  /** Calls that wait or run. */
  get active(): number {
    return this.#open.size;
  }

  /**
   * Answers with the JSON text of a `ToolResult`, in bounded time unless the event loop is blocked.
   * @param caller aborts when nobody waits for the answer any more
   */
  async run(call: ToolCall, caller: AbortSignal): Promise<string> {
    const { extension, loaded, settings } = this.#options;
    const tool = this.#tools.get(call.tool);
    if (tool === undefined) {
      const why = [`the running host of "${extension}" has no such tool`, ...loaded.problems];
      return JSON.stringify(failure(call.tool, why.join("; ")));
    }
    const limits = await settings();
    const timeoutMs = callTimeoutMs(tool.description, limits);
    const answered = Promise.withResolvers<string>();
    const open: OpenCall = { tool, answered, controller: new AbortController() };
    this.#open.add(open);
    const timer = setTimeout(() => {
      this.#giveUp(open, `it gave no answer within its limit of ${inWords(timeoutMs)}`);
    }, timeoutMs);
    const onGone = (): void => this.#giveUp(open, "its caller went away");
    caller.addEventListener("abort", onGone, { once: true });
    void this.#execute(open, { given: call.arguments, limits });
    try {
      return await answered.promise;
    } finally {
      clearTimeout(timer);
      caller.removeEventListener("abort", onGone);
      this.#open.delete(open);
      if (this.#open.size === 0) this.#options.onQuiet();
    }
  }

  /** Answers every open call with a failure: the process is about to end. */
  failAll(what: string): void {
    for (const open of this.#open) this.#giveUp(open, what);
  }

  #giveUp(open: OpenCall, what: string): void {
    const { name } = open.tool.description;
    this.#options.log.warn("A tool call was given up", { tool: name, why: what });
    open.answered.resolve(JSON.stringify(failure(name, what)));
    open.controller.abort(new DOMException(what, "AbortError"));
  }

  /** Checks the arguments, waits for a slot, runs the tool; never rejects. */
  async #execute(
    open: OpenCall,
    { given, limits }: { given: Record<string, unknown>; limits: ToolHostSettings },
  ): Promise<void> {
    const { tool, answered, controller } = open;
    const { name } = tool.description;
    const fail = (what: string): void => answered.resolve(JSON.stringify(failure(name, what)));
    try {
      const args = await tool.input.safeParseAsync(given);
      if (!args.success) {
        fail(`its arguments are not right:\n${explain(args.error)}`);
        return;
      }
      const turn = await this.#slots.take(limits.concurrency, controller.signal);
      if (turn === "full") fail("too many calls of this extension are waiting; try again later");
      if (turn !== "taken") return;
      const result = await this.#inSlot(open, args.data);
      answered.resolve(encodeResult(result, { tool: name, bytesMax: limits.result_bytes_max }));
    } catch (error) {
      this.#options.log.warn("A tool failed", { tool: name, error });
      fail(messageOf(error));
    }
  }

  /** Frees the slot when the call is answered, even if the tool does not heed its signal and goes on. */
  async #inSlot(open: OpenCall, args: Record<string, unknown>): Promise<ToolResult> {
    const { controller, tool } = open;
    let freed = false;
    const free = (): void => {
      if (!freed) this.#slots.release();
      freed = true;
    };
    const onGivenUp = (): void => {
      this.#abandoned += 1;
      free();
      if (this.#abandoned >= ABANDONED_MAX) this.#options.onWornOut();
    };
    controller.signal.addEventListener("abort", onGivenUp, { once: true });
    try {
      return normaliseResult(await tool.run(args, this.#context(controller.signal)));
    } finally {
      controller.signal.removeEventListener("abort", onGivenUp);
      if (freed) this.#abandoned -= 1;
      free();
    }
  }

  #context(signal: AbortSignal): ToolContext {
    const { extension, dataFolder, log } = this.#options;
    return {
      extension,
      signal,
      log,
      get data_dir() {
        mkdirSync(dataFolder, { recursive: true, mode: 0o700 });
        return dataFolder;
      },
    };
  }
}
