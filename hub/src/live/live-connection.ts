/** The one live connection of a page: opens a WebSocket, reconnects with back-off, and says when polling has to do. */

/** What the connection is told of its socket. */
export interface SocketEvents {
  opened(): void;
  received(text: string): void;
  closed(): void;
}

/**
 * `connecting` at first · `live` · `lost` once an open connection broke ·
 * `polling` after failed upgrades: a proxy may not know WebSockets, or nobody is there at all.
 */
export type LiveState = "connecting" | "live" | "lost" | "polling";

export interface LiveOptions {
  /** Opens a socket; returns how to close it. */
  open(events: SocketEvents): () => void;
  onState(state: LiveState): void;
  onText(text: string): void;
  /** Calls back after a delay; returns how to prevent it. */
  schedule(callback: () => void, delayMs: number): () => void;
  random(): number;
}

const UPGRADES_UNTIL_POLLING = 2;
const FIRST_DELAY_MS = 400;
const DELAY_MS_MAX = 8_000;

/** Doubles with each attempt; a random half keeps many pages from returning at the same moment. */
export function reconnectDelay(attempt: number, random: number): number {
  const full = Math.min(DELAY_MS_MAX, FIRST_DELAY_MS * 2 ** attempt);
  return full / 2 + (full / 2) * random;
}

export class LiveConnection {
  readonly #options: LiveOptions;
  #closeSocket: (() => void) | undefined;
  #cancelReconnect: (() => void) | undefined;
  #isStopped = false;
  #attempt = 0;
  #failedUpgrades = 0;

  constructor(options: LiveOptions) {
    this.#options = options;
  }

  start(): void {
    let isOpen = false;
    this.#isStopped = false;
    this.#closeSocket = this.#options.open({
      opened: () => {
        if (this.#isStopped) return;
        isOpen = true;
        this.#attempt = 0;
        this.#failedUpgrades = 0;
        this.#options.onState("live");
      },
      received: (text) => {
        if (!this.#isStopped) this.#options.onText(text);
      },
      closed: () => {
        if (this.#isStopped) return;
        this.#failedUpgrades = isOpen ? 0 : this.#failedUpgrades + 1;
        if (isOpen) this.#options.onState("lost");
        if (this.#failedUpgrades === UPGRADES_UNTIL_POLLING) this.#options.onState("polling");
        this.#reconnect();
      },
    });
  }

  stop(): void {
    this.#isStopped = true;
    this.#cancelReconnect?.();
    this.#closeSocket?.();
  }

  #reconnect(): void {
    const delay = reconnectDelay(this.#attempt, this.#options.random());
    this.#attempt += 1;
    this.#cancelReconnect = this.#options.schedule(() => this.start(), delay);
  }
}
