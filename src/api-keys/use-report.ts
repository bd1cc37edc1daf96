/** Tells the supervisor when keys were used last: in batches, behind the requests, and once more at the end. */
import type { KeyUses } from "../contract/api-keys.ts";
import type { Logger } from "../lib/log.ts";

/** Uses are gathered for this long. */
const PERIOD_MS = 5_000;
const SEND_TIMEOUT_MS = 1_000;

interface UseReportOptions {
  /** Hands the times over; rejects when nobody took them. */
  send(uses: KeyUses, signal: AbortSignal): Promise<void>;
  /** Milliseconds since 1970. */
  clock: () => number;
  log: Logger;
  periodMs?: number;
}

export class UseReport {
  readonly #options: UseReportOptions;
  /** When each key was used last, by id, of those not told yet. */
  #waiting = new Map<string, number>();
  #timer: NodeJS.Timeout | undefined;

  constructor(options: UseReportOptions) {
    this.#options = options;
  }

  /** Costs the request a map's entry. */
  note(id: string): void {
    this.#waiting.set(id, this.#options.clock());
    const { periodMs = PERIOD_MS } = this.#options;
    this.#timer ??= setTimeout(() => void this.flush(), periodMs).unref();
  }

  /** Tells what is not told yet. What nobody takes is told with the next use. */
  async flush(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const told = this.#waiting;
    if (told.size === 0) return;
    this.#waiting = new Map();
    const uses = Object.fromEntries(
      [...told].map(([id, time]) => [id, new Date(time).toISOString()]),
    );
    try {
      await this.#options.send({ uses }, AbortSignal.timeout(SEND_TIMEOUT_MS));
    } catch (error) {
      this.#options.log.warn("Cannot tell when keys were used last", { error });
      // Those used meanwhile have a later time already.
      this.#waiting = new Map([...told, ...this.#waiting]);
    }
  }
}

/** Sends to the supervisor, with the token that it knows the caller by. */
export function sendToSupervisor(supervisorUrl: string, token: string) {
  return async (uses: KeyUses, signal: AbortSignal): Promise<void> => {
    const answer = await fetch(`${supervisorUrl}/api-key-uses`, {
      method: "POST",
      headers: { Authorization: `Bearer ${token}`, "Content-Type": "application/json" },
      body: JSON.stringify(uses),
      signal,
    });
    if (!answer.ok) throw new Error(`The supervisor said ${answer.status}`);
  };
}
