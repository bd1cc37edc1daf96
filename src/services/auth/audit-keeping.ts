/** Keeps the audit log: takes in what all processes recorded, and removes what is too old or too much. */
import { EventLog } from "../../audit/event-log.ts";
import { type AuditFilter, matches } from "../../audit/filter.ts";
import { Ingest } from "../../audit/ingest.ts";
import { readAuditPage } from "../../audit/reading.ts";
import { Retention } from "../../audit/retention.ts";
import { readSpool } from "../../audit/segment-reader.ts";
import type { AuditTrail } from "../../audit/trail.ts";
import type { MasterConfigStore } from "../../config/master-config.ts";
import type { AuditEvent, AuditPage, AuditQuery } from "../../contract/audit.ts";
import type { Database } from "../../db/database.ts";
import type { Logger } from "../../lib/log.ts";
import { parseSince } from "../../log-files/since.ts";

const RETENTION_INTERVAL_MS = 60 * 60_000;
/** A page does not wait longer for what is still in the spool. */
const FRESHNESS_MS = 1_000;

interface AuditKeepingOptions {
  /** `.luna/audit`. */
  folder: string;
  database: Database;
  config: Pick<MasterConfigStore, "read">;
  audit: Pick<AuditTrail, "record">;
  /** Milliseconds since 1970. */
  clock: () => number;
  log: Logger;
}

export class AuditKeeping {
  readonly #options: AuditKeepingOptions;
  readonly #events: EventLog;
  readonly #ingest: Ingest;
  readonly #retention: Retention;
  #timer: Timer | undefined;
  #removing: Promise<void> = Promise.resolve();

  constructor(options: AuditKeepingOptions) {
    const { folder, database, log } = options;
    this.#options = options;
    this.#events = new EventLog(database);
    this.#ingest = new Ingest({ folder, events: this.#events, log });
    this.#retention = new Retention(database);
  }

  start(): void {
    this.#ingest.start();
    const remove = (): void => {
      this.#removing = this.removeOld();
    };
    this.#timer = setInterval(remove, RETENTION_INTERVAL_MS);
    remove();
  }

  /** Takes in what is there, and lets the database go. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#removing;
    await this.#ingest.stop();
  }

  /**
   * A page that holds whatever was recorded before it was asked for, unless the spool is long. A database that
   * can only be read is no reason for none: what it cannot take is shown out of the spool.
   */
  async page({ since, until, cursor, limit, ...filter }: AuditQuery): Promise<AuditPage> {
    const now = this.#options.clock();
    const moment = (text: string | undefined) =>
      text === undefined ? undefined : parseSince(text, now);
    const request = {
      ...{ cursor, limit },
      filter: { ...filter, since: moment(since), until: moment(until) },
    };
    const hasFailed = await Promise.race([
      this.#ingest.drain().then(
        () => false,
        // The timer's own look fails as well, and tells of it.
        () => true,
      ),
      Bun.sleep(FRESHNESS_MS).then(() => false),
    ]);
    const waiting = hasFailed ? await this.#waiting(request.filter) : [];
    return readAuditPage(request, { events: this.#events, waiting });
  }

  /** What of the spool a page may show, read in steps between which others get their turn. */
  async #waiting(filter: AuditFilter): Promise<AuditEvent[]> {
    const found: AuditEvent[] = [];
    for (const events of readSpool(this.#options.folder)) {
      found.push(...events.filter((event) => matches(event, filter)));
      await Bun.sleep(0);
    }
    return found;
  }

  /** Removes what the settings do not want kept, and records how much. */
  async removeOld(): Promise<void> {
    const { config, audit, clock, log } = this.#options;
    try {
      const settings = (await config.read()).audit;
      const removed = await this.#retention.apply(settings, clock());
      if (removed === 0) return;
      const { retention_days, events_max } = settings;
      audit.record({
        actor: { kind: "system", name: "luna" },
        ...{ action: "audit.retention", outcome: "ok" },
        details: { removed, retention_days, events_max },
      });
    } catch (error) {
      // What is too old can wait for the next hour.
      log.warn("Cannot remove old events from the audit log", { error });
    }
  }
}
