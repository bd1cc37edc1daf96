/** One exchange of a call: what whoever waits is told on the way, and how it ends for them. */
import type { HostEvent } from "../../contract/tool-call.ts";

/** A caller that reads more slowly than the tool tells loses what exceeds this. */
const EVENTS_MAX = 1_000;
const EVENT_LENGTH_MAX = 64 * 1024;

/** Gets the JSON of each event. */
export type Hear = (json: string) => void;

export class Leg {
  readonly #hear: Hear;
  readonly #answer = Promise.withResolvers<string>();
  #events = 0;
  #ended = false;

  constructor(hear: Hear) {
    this.#hear = hear;
  }

  /** The JSON text of a `HostEnd`. */
  get answer(): Promise<string> {
    return this.#answer.promise;
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** Tells something on the way; what is too long or too much is left out. */
  tell(event: HostEvent): void {
    if (this.#ended || this.#events >= EVENTS_MAX) return;
    const json = JSON.stringify(event);
    if (json.length > EVENT_LENGTH_MAX) return;
    this.#events += 1;
    this.#hear(json);
  }

  /** @param json the end of the exchange; what comes after it is not sent */
  end(json: string): void {
    this.#ended = true;
    this.#answer.resolve(json);
  }
}
