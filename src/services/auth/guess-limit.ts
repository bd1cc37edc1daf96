/** Limits guesses of a passphrase by who is counted as guessing: everybody together, or one who is known already. */
import { type Rate, RateLimiter } from "../../lib/rate-limit.ts";
import { tooMany } from "./too-many.ts";

/** Under 3,000 failures a day: a passphrase that passed the rules withstands that for ever. */
const PER_GUESSER: Rate = { burst: 20, intervalMs: 30_000 };
const GUESSERS_MAX = 1_000;

export class GuessLimit {
  readonly #guessers: RateLimiter;

  /** @param clock milliseconds since 1970 */
  constructor(clock: () => number) {
    this.#guessers = new RateLimiter({ clock, namesMax: GUESSERS_MAX });
  }

  /**
   * Makes one guess; a right one costs nothing, nor does one that could not be checked.
   * @throws TooManyError when `guesser` has to wait, before anything is computed
   */
  async make(guesser: string, guess: () => Promise<boolean>): Promise<boolean> {
    const { waitMs } = this.#guessers.take(guesser, PER_GUESSER);
    if (waitMs > 0) {
      throw tooMany("check the passphrase now: too many guesses of it were wrong", waitMs);
    }
    let isWrong = false;
    try {
      isWrong = !(await guess());
    } finally {
      if (!isWrong) this.#guessers.giveBack(guesser, PER_GUESSER);
    }
    return !isWrong;
  }
}
