/** Limits attempts to sign in, per address and overall, in memory of bounded size. */

/** Attempts at once, and how fast they come back. */
interface Rate {
  burst: number;
  intervalMs: number;
}

const PER_ADDRESS: Rate = { burst: 10, intervalMs: 6000 };
const OVERALL: Rate = { burst: 200, intervalMs: 50 };
/** The address that was quiet longest is forgotten first; the overall limit still holds for it. */
const ADDRESSES_MAX = 10_000;

/**
 * The generic cell rate algorithm: one number, the time at which everything taken so far is paid back.
 * @returns how long to wait, or 0
 */
function waitFor(paidAt: number, now: number, rate: Rate): number {
  return Math.max(0, paidAt - now - (rate.burst - 1) * rate.intervalMs);
}

export class AttemptLimit {
  readonly #clock: () => number;
  readonly #paidAt = new Map<string, number>();
  #overallPaidAt = 0;

  constructor(clock: () => number) {
    this.#clock = clock;
  }

  /**
   * Takes one attempt of `address`.
   * @returns 0, or the milliseconds to wait; then nothing was taken
   */
  take(address: string): number {
    const now = this.#clock();
    const own = Math.max(now, this.#paidAt.get(address) ?? 0);
    const all = Math.max(now, this.#overallPaidAt);
    const waitMs = Math.max(waitFor(own, now, PER_ADDRESS), waitFor(all, now, OVERALL));
    if (waitMs > 0) return waitMs;
    this.#remember(address, own + PER_ADDRESS.intervalMs);
    this.#overallPaidAt = all + OVERALL.intervalMs;
    return 0;
  }

  /** Gives an attempt back that turned out to be good: only failures count. */
  giveBack(address: string): void {
    const own = this.#paidAt.get(address);
    if (own !== undefined) this.#paidAt.set(address, own - PER_ADDRESS.intervalMs);
    this.#overallPaidAt -= OVERALL.intervalMs;
  }

  #remember(address: string, paidAt: number): void {
    // Deleting first moves the address to the end of the map's order.
    this.#paidAt.delete(address);
    this.#paidAt.set(address, paidAt);
    if (this.#paidAt.size <= ADDRESSES_MAX) return;
    const [oldest] = this.#paidAt.keys();
    if (oldest !== undefined) this.#paidAt.delete(oldest);
  }
}
