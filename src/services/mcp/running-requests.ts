/** The requests under way, so that a client's `notifications/cancelled`, which comes alone, finds the one it means. */

interface RequestKey {
  server: string;
  /** The client's session id: request ids alone are the same in every client. */
  session: string;
  id: string | number;
}

function textOf({ server, session, id }: RequestKey): string {
  return JSON.stringify([server, session, id]);
}

export class RunningRequests {
  readonly #cancels = new Map<string, () => void>();

  /** Remembers a request until the returned function is called. */
  add(key: RequestKey, cancel: () => void): () => void {
    const text = textOf(key);
    this.#cancels.set(text, cancel);
    return () => {
      // A client that uses an id twice has replaced the entry.
      if (this.#cancels.get(text) === cancel) this.#cancels.delete(text);
    };
  }

  /** Cancels a request if it is still under way. */
  cancel(key: RequestKey): void {
    this.#cancels.get(textOf(key))?.();
  }
}
