/** When each key was used last, as its users tell: known at once, written down at most once a minute. */
import { AGENT_KEY_NAME } from "../contract/agent-key.ts";
import { messageOf } from "../lib/errors.ts";
import type { Logger } from "../lib/log.ts";
import type { ApiKeysStore } from "./api-keys-store.ts";

const WRITE_INTERVAL_MS = 60_000;

interface KeyUseTimesOptions {
  store: ApiKeysStore;
  log: Logger;
  writeIntervalMs?: number;
}

function later(one: string | null, other: string | null): string | null {
  if (one === null || other === null) return one ?? other;
  return one > other ? one : other;
}

export class KeyUseTimes {
  readonly #options: KeyUseTimesOptions;
  /** Of keys by id, as far as they may be later than what is written. */
  readonly #times = new Map<string, string>();
  #timer: NodeJS.Timeout | undefined;

  constructor(options: KeyUseTimesOptions) {
    this.#options = options;
  }

  /** Times of keys that are not there are passed over: one may be revoked meanwhile. */
  async note(uses: Readonly<Record<string, string>>): Promise<void> {
    const { keys } = await this.#options.store.read();
    for (const [id, time] of Object.entries(uses)) {
      if (id !== AGENT_KEY_NAME && keys[id] === undefined) continue;
      const at = new Date(time).toISOString();
      this.#times.set(id, later(this.#times.get(id) ?? null, at) ?? at);
    }
    if (this.#times.size === 0) return;
    const { writeIntervalMs = WRITE_INTERVAL_MS } = this.#options;
    this.#timer ??= setTimeout(() => void this.flush(), writeIntervalMs);
  }

  /** The later one of what is known here and what is `written`. */
  latest(id: string, written: string | null): string | null {
    return later(this.#times.get(id) ?? null, written);
  }

  forget(id: string): void {
    this.#times.delete(id);
  }

  /** Writes down what is known. */
  async flush(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const written = [...this.#times];
    if (written.length === 0) return;
    try {
      await this.#options.store.update((file) => {
        for (const [id, time] of written) {
          const entry = id === AGENT_KEY_NAME ? file.agent_key : file.keys[id];
          if (entry) entry.last_used_at = later(entry.last_used_at, time);
        }
      });
      for (const [id, time] of written) {
        if (this.#times.get(id) === time) this.#times.delete(id);
      }
    } catch (error) {
      // Keys go on working; the times are still known here, and written with the next ones.
      this.#options.log.warn(`Cannot write down when keys were used last: ${messageOf(error)}`);
    }
  }
}
