/** Limits attempts to sign in, per address and overall. */
import { type Rate, RateLimiter } from "../../lib/rate-limit.ts";

const PER_ADDRESS: Rate = { burst: 10, intervalMs: 6000 };
const OVERALL: Rate = { burst: 200, intervalMs: 50 };
/** For an address that is forgotten the overall limit still holds. */
const ADDRESSES_MAX = 10_000;
const EVERYBODY = "everybody";

export class AttemptLimit {
  readonly #addresses: RateLimiter;
  readonly #overall: RateLimiter;

  constructor(clock: () => number) {
    this.#addresses = new RateLimiter({ clock, namesMax: ADDRESSES_MAX });
    this.#overall = new RateLimiter({ clock, namesMax: 1 });
  }

  /**
   * Takes one attempt of `address`.
   * @returns 0, or the milliseconds to wait; then nothing was taken
   */
  take(address: string): number {
    const waitMs = Math.max(
      this.#addresses.waitMs(address, PER_ADDRESS),
      this.#overall.waitMs(EVERYBODY, OVERALL),
    );
    if (waitMs > 0) return waitMs;
    this.#addresses.take(address, PER_ADDRESS);
    this.#overall.take(EVERYBODY, OVERALL);
    return 0;
  }

  /** Gives an attempt back that turned out to be good: only failures count. */
  giveBack(address: string): void {
    this.#addresses.giveBack(address, PER_ADDRESS);
    this.#overall.giveBack(EVERYBODY, OVERALL);
  }
}
