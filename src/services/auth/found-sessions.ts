/** Sessions as the database had them a moment ago, so that not each request of a page asks it again. */

/** A change that another process made in the database counts after this long at the latest. */
export const FOUND_LIFETIME_MS = 1_000;
/** Somebody with more browsers pays with lookups. */
const FOUND_MAX = 1_000;

export class FoundSessions<Row> {
  readonly #clock: () => number;
  readonly #rows = new Map<string, { row: Row; at: number }>();
  #changes = 0;

  constructor(clock: () => number) {
    this.#clock = clock;
  }

  /**
   * The row of `token_hash`: the one that `read` gave less than a second ago, or what it gives now.
   * What it gives while sessions are changed is for this caller alone: it may be what was there before.
   */
  async find(token_hash: string, read: () => Promise<Row | undefined>): Promise<Row | undefined> {
    const now = this.#clock();
    const known = this.#rows.get(token_hash);
    // A clock that was set back makes nothing last longer.
    if (known !== undefined && now >= known.at && now - known.at < FOUND_LIFETIME_MS) {
      return known.row;
    }
    const changes = this.#changes;
    const row = await read();
    this.#rows.delete(token_hash);
    if (row !== undefined && changes === this.#changes) {
      if (this.#rows.size >= FOUND_MAX) this.#rows.clear();
      this.#rows.set(token_hash, { row, at: now });
    }
    return row;
  }

  /** After every change that this process makes. */
  forget(): void {
    this.#changes += 1;
    this.#rows.clear();
  }
}
