/** How many calls may be under way at once: further ones wait in a bounded line. */

/** Beyond this a caller is better told at once. */
const WAITING_MAX = 256;

interface Waiting {
  limit: number;
  enter(): void;
}

export class Slots {
  #taken = 0;
  readonly #waiting: Waiting[] = [];

  /** Resolves to "taken" (then `release` it), "full", or "aborted" when `signal` aborts before its turn. */
  async take(limit: number, signal: AbortSignal): Promise<"taken" | "full" | "aborted"> {
    if (signal.aborted) return "aborted";
    if (this.#taken < limit) {
      this.#taken += 1;
      return "taken";
    }
    if (this.#waiting.length >= WAITING_MAX) return "full";
    const turn = Promise.withResolvers<"taken" | "aborted">();
    const waiting: Waiting = { limit, enter: () => turn.resolve("taken") };
    const onAbort = (): void => {
      const index = this.#waiting.indexOf(waiting);
      if (index >= 0) this.#waiting.splice(index, 1);
      turn.resolve("aborted");
    };
    this.#waiting.push(waiting);
    signal.addEventListener("abort", onAbort, { once: true });
    const outcome = await turn.promise;
    signal.removeEventListener("abort", onAbort);
    return outcome;
  }

  release(): void {
    this.#taken -= 1;
    const next = this.#waiting[0];
    if (next === undefined || this.#taken >= next.limit) return;
    this.#waiting.shift();
    // Counted here: a newcomer must not slip in before the one that waited wakes.
    this.#taken += 1;
    next.enter();
  }
}
