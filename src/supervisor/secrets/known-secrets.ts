/** Every value that was a secret since this process started: what is logged and shown must hold none of them. */

/** The oldest go first; replaced values are of no use to anybody after a while. */
const VALUES_MAX = 2_000;

export class KnownSecrets {
  #values: readonly string[];

  constructor(values: readonly string[]) {
    this.#values = [...new Set(values)];
  }

  /** The same array until another value becomes known. */
  readonly values = (): readonly string[] => this.#values;

  add(values: readonly string[]): void {
    const known = new Set(this.#values);
    const fresh = values.filter((value) => value !== "" && !known.has(value));
    if (fresh.length > 0) this.#values = [...this.#values, ...new Set(fresh)].slice(-VALUES_MAX);
  }
}
