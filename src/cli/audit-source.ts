/** Where `luna audit` has its events from: of auth, or of the database and the spool themselves while auth is down. */
import { EventLog } from "../audit/event-log.ts";
import { readAuditPage } from "../audit/reading.ts";
import { readSpool } from "../audit/segment-reader.ts";
import { EnvFile } from "../config/env-file.ts";
import type { Environment } from "../config/environment.ts";
import { pathsOf } from "../config/paths.ts";
import {
  AUDIT_PAGE_EVENTS_MAX,
  type AuditEvent,
  type AuditPage,
  type AuditQuery,
} from "../contract/audit.ts";
import { openDatabaseToRead } from "../db/open.ts";
import { databaseSettings } from "../db/settings.ts";
import { UnavailableError } from "../lib/errors.ts";
import { parseSince } from "../log-files/since.ts";
import { Control } from "./control.ts";

export type AuditRequest = Omit<AuditQuery, "cursor" | "limit">;

export class AuditSource {
  readonly #environment: Environment;

  constructor(environment: Environment) {
    this.#environment = environment;
  }

  /** The newest events, the newest first; what was recorded before the call is among them. */
  async newest(request: AuditRequest, count: number): Promise<AuditEvent[]> {
    const events: AuditEvent[] = [];
    let cursor: string | undefined;
    while (events.length < count) {
      const limit = Math.min(count - events.length, AUDIT_PAGE_EVENTS_MAX);
      const page = await this.#page({ ...request, cursor, limit });
      events.push(...page.events);
      if (page.cursor === null) break;
      cursor = page.cursor;
    }
    return events;
  }

  async #page(
    request: AuditRequest & { cursor: string | undefined; limit: number },
  ): Promise<AuditPage> {
    try {
      return await (await Control.of(this.#environment)).audit({ ...request });
    } catch (error) {
      // Nobody answers; what a running auth itself refuses is no such error.
      if (!(error instanceof UnavailableError)) throw error;
    }
    const { cursor, limit, since, until, ...filter } = request;
    const moment = (text: string | undefined) =>
      text === undefined ? undefined : parseSince(text, Date.now());
    const paths = pathsOf(this.#environment.home);
    const file = await new EnvFile(paths.env).read();
    const settings = databaseSettings({ ...file, ...this.#environment.variables }, paths.database);
    // First the spool: what goes from it into the database meanwhile is then seen twice, not missed.
    const waiting = [...readSpool(paths.audit)].flat();
    const database = await openDatabaseToRead(settings);
    try {
      const events = database === undefined ? undefined : new EventLog(database);
      const whole = { ...filter, since: moment(since), until: moment(until) };
      return await readAuditPage({ filter: whole, cursor, limit }, { events, waiting });
    } finally {
      await database?.close();
    }
  }
}
