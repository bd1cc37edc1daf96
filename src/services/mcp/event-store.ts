/** The last events of one session, for a client whose stream broke off and that comes back with `Last-Event-ID`. */
import type { EventStore, JSONRPCMessage } from "@modelcontextprotocol/server";

const EVENTS_MAX = 200;
/** The SDK's name of the stream that belongs to no request. */
const STANDALONE = "_GET_stream";
const EVENT_ID = /^(.+)~(\d+)$/;

/** What is left of what all sessions together may keep. */
export interface EventBudget {
  characters: number;
}

interface StoredEvent {
  number: number;
  stream: string;
  message: JSONRPCMessage;
  characters: number;
}

export class SessionEvents implements EventStore {
  readonly #events: StoredEvent[] = [];
  readonly #budget: EventBudget;
  #isCleared = false;
  /** Goes on from the clock, so that the ids of a session that began anew are later than any before. */
  #number = Date.now() * 1_000;

  constructor(budget: EventBudget) {
    this.#budget = budget;
  }

  async storeEvent(stream: string, message: JSONRPCMessage): Promise<string> {
    // The first event of a stream says nothing; it only has an id to come back with.
    const isPriming = Object.keys(message).length === 0;
    return isPriming
      ? this.prime(stream)
      : this.store(stream, message, JSON.stringify(message).length);
  }

  /** @returns an id before all that comes */
  prime(stream: string): string {
    this.#number += 1;
    return `${stream}~${this.#number}`;
  }

  /** @param characters of the message as JSON */
  store(stream: string, message: JSONRPCMessage, characters: number): string {
    this.#number += 1;
    if (this.#isCleared) return `${stream}~${this.#number}`;
    this.#events.push({ number: this.#number, stream, message, characters });
    this.#budget.characters -= characters;
    // Where there is no room, a client that breaks off cannot come back for what it missed.
    while (this.#events.length > EVENTS_MAX || this.#budget.characters < 0) {
      if (!this.#forgetOldest()) break;
    }
    return `${stream}~${this.#number}`;
  }

  /** Gives back its part of what all may keep, and keeps nothing more. */
  clear(): void {
    this.#isCleared = true;
    while (this.#forgetOldest());
  }

  async getStreamIdForEventId(id: string): Promise<string> {
    // Of a session that was forgotten and made anew: its client goes on with what comes from now on.
    return EVENT_ID.exec(id)?.[1] ?? STANDALONE;
  }

  async replayEventsAfter(
    id: string,
    { send }: { send(id: string, message: JSONRPCMessage): Promise<void> },
  ): Promise<string> {
    const stream = await this.getStreamIdForEventId(id);
    const last = Number(EVENT_ID.exec(id)?.[2] ?? Number.POSITIVE_INFINITY);
    for (const event of [...this.#events]) {
      if (event.stream !== stream || event.number <= last) continue;
      await send(`${stream}~${event.number}`, event.message);
    }
    return stream;
  }

  #forgetOldest(): boolean {
    const oldest = this.#events.shift();
    this.#budget.characters += oldest?.characters ?? 0;
    return oldest !== undefined;
  }
}
