/** A call until it has ended: its clock, which stands still while the client is being asked, and what it says. */

import type { Answers, CallerAbilities } from "../../contract/tool-call.ts";
import type { Callable } from "../../extensions/callable.ts";
import { Conversation } from "./conversation.ts";
import type { Hear } from "./leg.ts";

/** People are asked: they may be at lunch. */
export const PARKED_MAX_MS = 15 * 60_000;

interface OpenCallOptions {
  callable: Callable;
  abilities: CallerAbilities | undefined;
  answers: Answers | undefined;
  hear: Hear;
  /** How long the call may take, without the time that it waits for answers. */
  timeoutMs: number;
  /** The time is up: of the call itself, or of whoever was asked. */
  onLate(what: "call" | "answer"): void;
  onParked(): void;
}

export class OpenCall {
  readonly callable: Callable;
  readonly controller = new AbortController();
  readonly conversation: Conversation;
  /** Whether it counts among those that run at once. */
  hasSlot = false;
  readonly #options: OpenCallOptions;
  #leftMs: number;
  #since = performance.now();
  #timer: NodeJS.Timeout;

  constructor(options: OpenCallOptions) {
    const { callable, abilities, answers, hear, timeoutMs, onLate } = options;
    this.callable = callable;
    this.#options = options;
    this.#leftMs = timeoutMs;
    this.#timer = setTimeout(() => onLate("call"), timeoutMs);
    this.conversation = new Conversation({
      ...{ abilities, answers, hear },
      onParked: () => this.#park(),
    });
  }

  /** The clock goes on. */
  resume(): void {
    clearTimeout(this.#timer);
    this.#since = performance.now();
    this.#timer = setTimeout(() => this.#options.onLate("call"), this.#leftMs);
  }

  stopClock(): void {
    clearTimeout(this.#timer);
  }

  #park(): void {
    clearTimeout(this.#timer);
    this.#leftMs = Math.max(1, this.#leftMs - (performance.now() - this.#since));
    this.#timer = setTimeout(() => this.#options.onLate("answer"), PARKED_MAX_MS);
    this.#options.onParked();
  }
}
