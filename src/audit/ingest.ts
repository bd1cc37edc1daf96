/** Takes events from the spool into the database, each exactly once, and frees the spool. */
import type { AuditEvent } from "../contract/audit.ts";
import { databaseFailure } from "../db/failure.ts";
import { messageOf } from "../lib/errors.ts";
import type { Logger } from "../lib/log.ts";
import { type EventLog, ROWS_PER_STATEMENT } from "./event-log.ts";
import { type Chunk, SegmentReader } from "./segment-reader.ts";
import { segmentsIn } from "./spool.ts";

/** A look costs a listing and one stat a file: nothing that could be measured. */
const PERIOD_MS = 500;
/** A database that is away is told of this often. */
const COMPLAINT_INTERVAL_MS = 60_000;

/** What the database says when it cannot be used; a file's failure looks the same by its code. */
class DatabaseAway extends Error {}

interface IngestOptions {
  /** `.luna/audit`. */
  folder: string;
  events: Pick<EventLog, "add">;
  log: Logger;
}

/**
 * Nothing is remembered across a restart: what is read again has the same ids, and the database keeps one of each.
 * A segment is removed only after all of it was committed.
 */
export class Ingest {
  readonly #options: IngestOptions;
  readonly #segments = new Map<string, SegmentReader>();
  #timer: Timer | undefined;
  #running: Promise<void> | undefined;
  #next: Promise<void> | undefined;
  #complained = 0;

  constructor(options: IngestOptions) {
    this.#options = options;
  }

  start(): void {
    this.#timer = setInterval(() => {
      if (this.#running === undefined)
        void this.drain().catch((error: unknown) => this.#complain(error));
    }, PERIOD_MS);
  }

  /** Takes in what is there now, as far as it can. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.drain().catch((error: unknown) => this.#complain(error));
  }

  /**
   * Settles when all that was recorded before the call is in the database.
   * @throws what the database or the disk says
   */
  drain(): Promise<void> {
    if (this.#running === undefined) return this.#run();
    // The look that is under way may be past what was just recorded.
    this.#next ??= this.#running
      .catch(() => undefined)
      .then(() => {
        this.#next = undefined;
        return this.#running ?? this.#run();
      });
    return this.#next;
  }

  #run(): Promise<void> {
    this.#running = this.#look().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  async #look(): Promise<void> {
    const paths = segmentsIn(this.#options.folder);
    let failure: { error: unknown } | undefined;
    for (const path of paths) {
      const segment = this.#segments.get(path) ?? new SegmentReader(path);
      this.#segments.set(path, segment);
      try {
        if (await segment.read((chunk) => this.#take(chunk, path))) this.#segments.delete(path);
      } catch (error) {
        // Without the database there is no use in going on; one bad file holds up no other.
        if (error instanceof DatabaseAway) throw error.cause;
        failure ??= { error };
      }
    }
    for (const path of this.#segments.keys()) {
      if (!paths.includes(path)) this.#segments.delete(path);
    }
    if (failure !== undefined) throw failure.error;
  }

  async #take(chunk: Chunk, path: string): Promise<{ unreadable: number }> {
    let { unreadable } = chunk;
    for (let at = 0; at < chunk.events.length; at += ROWS_PER_STATEMENT) {
      if (at > 0) await Bun.sleep(0);
      unreadable += await this.#add(chunk.events.slice(at, at + ROWS_PER_STATEMENT));
    }
    if (unreadable > 0) {
      this.#options.log.error("Lines of the audit log's spool are no events", { path, unreadable });
    }
    return { unreadable };
  }

  /** Adds what the database takes; returns how many it never will. */
  async #add(events: readonly AuditEvent[]): Promise<number> {
    try {
      await this.#options.events.add(events);
      return 0;
    } catch (error) {
      if (databaseFailure(error) !== undefined) throw new DatabaseAway("", { cause: error });
      // One that breaks a rule must not hold up the others for ever.
      const [only, ...others] = events;
      if (only === undefined || others.length === 0) return events.length;
    }
    let refused = 0;
    for (const event of events) refused += await this.#add([event]);
    return refused;
  }

  #complain(error: unknown): void {
    if (Date.now() - this.#complained < COMPLAINT_INTERVAL_MS) return;
    this.#complained = Date.now();
    this.#options.log.error("Cannot take events into the audit log; they wait", {
      reason: messageOf(error),
      error,
    });
  }
}
