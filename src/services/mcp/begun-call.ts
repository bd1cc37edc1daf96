/** A call from its beginning, which may be before it is known by whom its client is told what becomes of it. */
import type { ToolResult } from "../../contract/tool.ts";
import type { HostEvent } from "../../contract/tool-call.ts";
import type { Outcome } from "../../tools/client.ts";

/** A call that takes longer is one that its client may want to hear of, to cancel, or to come back to. */
const QUICK_MS = 20;

interface Listening {
  signal: AbortSignal;
  onEvent(event: HostEvent): void;
}

export class BegunCall {
  readonly outcome: Promise<Outcome>;
  readonly #ending = new AbortController();
  readonly #quick = Promise.withResolvers<ToolResult | undefined>();
  /** What was told before anybody heard. */
  #early: HostEvent[] = [];
  #hear: ((event: HostEvent) => void) | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(begin: (listening: Listening) => Promise<Outcome>) {
    this.outcome = begin({ signal: this.#ending.signal, onEvent: (event) => this.#take(event) });
  }

  /**
   * The result, if it comes soon, with nothing to be told or asked before it, and is text or an object;
   * undefined when somebody has to `hear` of the call and to wait for its outcome.
   */
  quickResult(): Promise<ToolResult | undefined> {
    const { resolve, promise } = this.#quick;
    this.#timer = setTimeout(resolve, QUICK_MS);
    this.outcome.then(
      (outcome) => resolve(plainResult(outcome)),
      () => resolve(undefined),
    );
    return promise.finally(() => clearTimeout(this.#timer));
  }

  /** What is not known yet will not be waited for: somebody is there to hear of the call. */
  handOver(): void {
    this.#quick.resolve(undefined);
  }

  /** From now on `hear` is told, also of what came before; the call ends with `signal`. */
  follow(signal: AbortSignal, hear: (event: HostEvent) => void): void {
    const onAbort = (): void => this.#ending.abort(signal.reason);
    if (signal.aborted) onAbort();
    else signal.addEventListener("abort", onAbort, { once: true });
    this.#hear = hear;
    for (const event of this.#early.splice(0)) hear(event);
  }

  /** Ends the call: its client is gone. */
  end(): void {
    this.#ending.abort(new DOMException("The client is gone", "AbortError"));
  }

  #take(event: HostEvent): void {
    if (this.#hear !== undefined) {
      this.#hear(event);
      return;
    }
    this.#early.push(event);
    this.handOver();
  }
}

/** Blocks of content go through the SDK, which looks at each. */
function plainResult(outcome: Outcome): ToolResult | undefined {
  if (outcome.kind !== "result") return undefined;
  const { content, structured, needs } = outcome.result;
  const isPlain = content === undefined && structured === undefined && needs === undefined;
  return isPlain ? outcome.result : undefined;
}
