/** Hashes passphrases with argon2id, a few at once, so that nobody else waits for it. */
import { tooMany } from "./too-many.ts";

/** OWASP's first recommendation: 19 MiB and two rounds, about 30 ms of one processor. */
const ARGON2ID = { algorithm: "argon2id", memoryCost: 19_456, timeCost: 2 } as const;

/**
 * The hash of a passphrase that nobody knows, by the same parameters: comparing with it takes as long as
 * comparing with the owner's, so the time does not tell whether there is one.
 */
export const NOBODYS_HASH =
  "$argon2id$v=19$m=19456,t=2,p=1$SlB9B9rk7s4gSrmwOx0LzI65AFJGuteoTPCsQAvv0lE$8G74tPN0rhzQRN9Ko9vnxcR+PAEvtENHuJvODqY5WWk";

/** Each takes a processor of its own; the others are for whoever is signed in. */
const RUNNING_MAX = 1;
const WAITING_MAX = 20;
const RETRY_AFTER_MS = 1_000;

export class PassphraseHash {
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  /** @throws TooManyError when too many wait already */
  hash(passphrase: string): Promise<string> {
    return this.#inTurn(() => Bun.password.hash(passphrase, ARGON2ID));
  }

  /** @throws TooManyError when too many wait already */
  matches(passphrase: string, hash: string): Promise<boolean> {
    return this.#inTurn(() => Bun.password.verify(passphrase, hash));
  }

  async #inTurn<Result>(work: () => Promise<Result>): Promise<Result> {
    if (this.#running >= RUNNING_MAX) {
      if (this.#waiting.length >= WAITING_MAX) {
        throw tooMany("check a passphrase now: too many are being checked", RETRY_AFTER_MS);
      }
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#waiting.push(resolve);
      // Whoever ends hands its place over, so nobody can slip in between.
      await promise;
    } else {
      this.#running += 1;
    }
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#running -= 1;
      else next();
    }
  }
}
