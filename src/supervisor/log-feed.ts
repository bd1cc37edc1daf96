/** What one viewer of the live socket gets of the logs, as fast as it takes them. */
import type { LogBatch, LogLevel } from "../contract/logs.ts";
import { decodeCursor, encodeCursor } from "../log-files/cursor.ts";
import { follow } from "../log-files/follow.ts";
import { logsIn } from "../log-files/log-file.ts";
import { spansNow } from "../log-files/page.ts";

/** So much may wait in a socket before the next lines are read: until then they wait in their files. */
const WAITING_BYTES_MAX = 1024 * 1024;
const WAIT_MS = 50;

interface LogFeedOptions {
  folders: readonly string[];
  secrets(): readonly string[];
  names?: readonly string[] | undefined;
  level?: LogLevel | undefined;
  /** Without it: from now on. */
  after?: string | undefined;
  send(batch: LogBatch): void;
  /** How many bytes were sent and not taken yet. */
  waitingBytes(): number;
}

export class LogFeed {
  readonly #options: LogFeedOptions;
  #isOver = false;

  constructor(options: LogFeedOptions) {
    this.#options = options;
  }

  /**
   * Sends until `stop` is called; at first a batch without lines, for its cursor.
   * @throws InvalidInputError for a cursor that is none
   */
  async start(): Promise<void> {
    const { folders, names, level, after, secrets, send } = this.#options;
    const isWanted = (name: string): boolean => names === undefined || names.includes(name);
    const files = logsIn(folders).filter(({ name }) => isWanted(name));
    const spans = after === undefined ? spansNow(files) : decodeCursor(after);
    send({ topic: "logs", lines: [], cursor: encodeCursor(spans), gap: 0 });
    await follow({
      ...{ folders, names, filter: { level }, after: spans, secrets },
      onLines: async (batch) => {
        const { lines, gap } = batch;
        if (!this.#isOver) send({ topic: "logs", lines, cursor: encodeCursor(batch.spans), gap });
        return this.#hasRoom();
      },
      isOver: () => this.#isOver,
    });
  }

  stop(): void {
    this.#isOver = true;
  }

  async #hasRoom(): Promise<boolean> {
    while (!this.#isOver && this.#options.waitingBytes() > WAITING_BYTES_MAX) {
      await Bun.sleep(WAIT_MS);
    }
    return !this.#isOver;
  }
}
