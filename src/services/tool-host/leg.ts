/** One exchange of a call: answered by JSON alone when nothing came before its end, by lines of JSON otherwise. */
import type { HostEvent } from "../../contract/tool-call.ts";

/** A caller that reads more slowly than the tool tells loses what exceeds this. */
const EVENTS_MAX = 1_000;
const EVENT_LENGTH_MAX = 64 * 1024;

const encoder = new TextEncoder();

/** What the exchange is answered with. */
export type LegAnswer = string | ReadableStream<Uint8Array>;

export class Leg {
  readonly #answer = Promise.withResolvers<LegAnswer>();
  #stream: ReadableStreamDefaultController<Uint8Array> | undefined;
  #events = 0;
  #ended = false;

  get answer(): Promise<LegAnswer> {
    return this.#answer.promise;
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** Tells something on the way; what is too long or too much is left out. */
  tell(event: HostEvent): void {
    if (this.#ended || this.#events >= EVENTS_MAX) return;
    const line = JSON.stringify(event);
    if (line.length > EVENT_LENGTH_MAX) return;
    this.#events += 1;
    this.#write(line);
  }

  /** @param json the end of the exchange; what comes after it is not sent */
  end(json: string): void {
    if (this.#ended) return;
    this.#ended = true;
    if (this.#stream === undefined) {
      this.#answer.resolve(json);
      return;
    }
    this.#write(json);
    try {
      this.#stream.close();
    } catch {
      // The caller has gone, and with it the stream.
    }
  }

  #write(line: string): void {
    if (this.#stream === undefined) {
      const body = new ReadableStream<Uint8Array>({
        start: (controller) => {
          this.#stream = controller;
        },
      });
      this.#answer.resolve(body);
    }
    try {
      this.#stream?.enqueue(encoder.encode(`${line}\n`));
    } catch {
      // The caller has gone: its signal ends the call.
    }
  }
}
