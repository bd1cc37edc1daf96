/** The owner's passphrase, in the table `luna_passphrases`: kept as argon2id, and one for each user. */
import { eq } from "drizzle-orm";
import type { Database } from "../../db/database.ts";
import { InvalidInputError } from "../../lib/errors.ts";
import type { GuessLimit } from "./guess-limit.ts";
import { NOBODYS_HASH, type PassphraseHash } from "./passphrase-hash.ts";
import { normalPassphrase, passphraseFault } from "./passphrase-rules.ts";
import type { Identity, SignInMethod } from "./sign-in-method.ts";

interface PassphrasesOptions {
  database: Database;
  /** Milliseconds since 1970. */
  clock: () => number;
  hash: PassphraseHash;
  guesses: GuessLimit;
}

interface PassphraseProof {
  user_id: string;
  passphrase: string;
  /** Whose guess it is, for the limit on them. */
  guesser: string;
}

export class Passphrases implements SignInMethod<PassphraseProof> {
  readonly name = "passphrase";
  readonly #options: PassphrasesOptions;

  constructor(options: PassphrasesOptions) {
    this.#options = options;
  }

  /** When a user's passphrase was set, in milliseconds since 1970; undefined when there is none. */
  async changedAt(user_id: string): Promise<number | undefined> {
    return (await this.#row(user_id))?.changed_at;
  }

  /**
   * Takes the same time whether the user has a passphrase or not.
   * @throws TooManyError when too many guesses were wrong
   */
  async identify(proof: PassphraseProof): Promise<Identity | undefined> {
    const { user_id, passphrase, guesser } = proof;
    const { hash, guesses } = this.#options;
    const isRight = await guesses.make(guesser, async () => {
      const row = await this.#row(user_id);
      const matches = await hash.matches(normalPassphrase(passphrase), row?.hash ?? NOBODYS_HASH);
      return matches && row !== undefined;
    });
    return isRight ? { user_id } : undefined;
  }

  /**
   * Sets a user's passphrase, whatever it was before.
   * @throws InvalidInputError when it is too easy to guess
   */
  async set({ user_id, passphrase }: Omit<PassphraseProof, "guesser">): Promise<void> {
    const fault = passphraseFault(passphrase);
    if (fault !== undefined) throw new InvalidInputError(`Cannot use this passphrase: ${fault}`);
    const { database, clock, hash } = this.#options;
    const row = { hash: await hash.hash(normalPassphrase(passphrase)), changed_at: clock() };
    await database.queries
      .insert(database.tables.passphrases)
      .values({ user_id, ...row })
      .onConflictDoUpdate({ target: database.tables.passphrases.user_id, set: row });
  }

  /** Removes a user's passphrase; false when there was none. */
  async remove(user_id: string): Promise<boolean> {
    const { queries, tables } = this.#options.database;
    const removed = await queries
      .delete(tables.passphrases)
      .where(eq(tables.passphrases.user_id, user_id))
      .returning({ user_id: tables.passphrases.user_id });
    return removed.length > 0;
  }

  async #row(user_id: string) {
    const { queries, tables } = this.#options.database;
    const { passphrases } = tables;
    const [row] = await queries.select().from(passphrases).where(eq(passphrases.user_id, user_id));
    return row;
  }
}
