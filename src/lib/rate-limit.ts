/** Limits how often somebody may do something, in memory of bounded size. */

/** How much at once, and how fast it comes back. */
export interface Rate {
  burst: number;
  intervalMs: number;
}

/** What became of one `take`. */
export interface Taking {
  /** 0, or how long to wait; then nothing was taken. */
  waitMs: number;
  /** How often more could be taken at this moment. */
  remaining: number;
  /** When one more comes back; 0 when nothing is taken. */
  nextMs: number;
}

interface RateLimiterOptions {
  /** Milliseconds, from whenever. */
  clock: () => number;
  /** Who was quiet longest is forgotten first. */
  namesMax: number;
}

/** The generic cell rate algorithm: one number a name, the time at which everything taken is paid back. */
export class RateLimiter {
  readonly #clock: () => number;
  readonly #namesMax: number;
  readonly #paidAt = new Map<string, number>();

  constructor({ clock, namesMax }: RateLimiterOptions) {
    this.#clock = clock;
    this.#namesMax = namesMax;
  }

  /** How long `name` has to wait before it can take one; 0 when it can now. */
  waitMs(name: string, rate: Rate): number {
    return Math.max(0, this.#debtMs(name, rate) - (rate.burst - 1) * rate.intervalMs);
  }

  /** Takes `count` for `name`, or none if it has to wait for as many. */
  take(name: string, rate: Rate, count = 1): Taking {
    const { burst, intervalMs } = rate;
    const before = this.#debtMs(name, rate);
    const waitMs = Math.max(0, before - (burst - count) * intervalMs);
    const debtMs = waitMs > 0 ? before : before + count * intervalMs;
    if (waitMs === 0) this.#remember(name, this.#clock() + debtMs);
    return {
      waitMs,
      remaining: Math.floor((burst * intervalMs - debtMs) / intervalMs),
      nextMs: debtMs % intervalMs || Math.min(debtMs, intervalMs),
    };
  }

  /** Takes one back, as if it had never been taken. */
  giveBack(name: string, { intervalMs }: Rate): void {
    const paidAt = this.#paidAt.get(name);
    if (paidAt !== undefined) this.#paidAt.set(name, paidAt - intervalMs);
  }

  /** How long it takes until everything taken is paid back. */
  #debtMs(name: string, { burst, intervalMs }: Rate): number {
    const now = this.#clock();
    const debtMs = Math.max(0, (this.#paidAt.get(name) ?? 0) - now);
    const debtMaxMs = burst * intervalMs;
    if (debtMs <= debtMaxMs) return debtMs;
    // More cannot be owed: the clock was set back, or the rate was another one before.
    this.#paidAt.set(name, now + debtMaxMs);
    return debtMaxMs;
  }

  #remember(name: string, paidAt: number): void {
    // Deleting first moves the name to the end of the map's order.
    this.#paidAt.delete(name);
    this.#paidAt.set(name, paidAt);
    if (this.#paidAt.size <= this.#namesMax) return;
    const [oldest] = this.#paidAt.keys();
    if (oldest !== undefined) this.#paidAt.delete(oldest);
  }
}
