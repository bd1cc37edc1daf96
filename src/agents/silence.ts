/** Ends a wait that stays silent too long: an abort signal that each sign of life puts off. */

export class SilenceLimit {
  /** Aborts when the caller's own signal does, or with a `TimeoutError` after the silence. */
  readonly signal: AbortSignal;
  readonly #timer: NodeJS.Timeout;

  constructor({ limitMs, signal }: { limitMs: number; signal: AbortSignal }) {
    const controller = new AbortController();
    this.#timer = setTimeout(() => {
      controller.abort(new DOMException(`silent for ${limitMs} ms`, "TimeoutError"));
    }, limitMs);
    this.signal = AbortSignal.any([signal, controller.signal]);
  }

  /** Something came: the silence begins anew. */
  heard(): void {
    this.#timer.refresh();
  }

  stop(): void {
    clearTimeout(this.#timer);
  }
}
