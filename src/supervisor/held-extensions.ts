/** The extensions that a run is changing just now: nothing of them is started, and calls of their tools wait. */
export class HeldExtensions {
  readonly #held = new Map<string, PromiseWithResolvers<void>>();

  hold(extension: string): void {
    if (!this.#held.has(extension)) this.#held.set(extension, Promise.withResolvers<void>());
  }

  release(extension: string): void {
    const held = this.#held.get(extension);
    this.#held.delete(extension);
    held?.resolve();
  }

  has(extension: string): boolean {
    return this.#held.has(extension);
  }

  /** Settles when the extension may be used again; at once when nobody changes it. */
  async released(extension: string): Promise<void> {
    await this.#held.get(extension)?.promise;
  }
}
