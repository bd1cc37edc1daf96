/** The audit log in the database, in the table `luna_audit`: events are added, read by page, and never changed. */
import { and, type Column, desc, eq, gte, lt, or, type SQL, sql } from "drizzle-orm";
import { AuditEvent } from "../contract/audit.ts";
import type { Database, Tables } from "../db/database.ts";
import { type AuditFilter, idAt, lowered } from "./filter.ts";

interface SearchLimits {
  stepRows: number;
  rowsMax: number;
}

type Row = Tables["audit"]["$inferSelect"];

/** Rows of one statement: SQLite works while it is asked, and others wait. */
export const ROWS_PER_STATEMENT = 100;
/** Rows that one step of a search looks at, and that one search does before it answers with what it has. */
const SEARCH: SearchLimits = { stepRows: 5_000, rowsMax: 100_000 };
const MICRO = 1_000;

/** Beyond every id. */
const NEWEST = "ffffffff-ffff-ffff-ffff-ffffffffffff";

function rowOf(event: AuditEvent): Row {
  const { id, actor, action, target, outcome, address, duration_ms, details } = event;
  return {
    ...{ id, action, target, outcome, address },
    at: Date.parse(event.at),
    actor_kind: actor.kind,
    actor_name: actor.name,
    duration_us: duration_ms === null ? null : Math.round(duration_ms * MICRO),
    details: details === null ? null : JSON.stringify(details),
  };
}

function eventOf(row: Row): AuditEvent {
  const { id, at, action, target, outcome, address, duration_us, details } = row;
  return AuditEvent.parse({
    ...{ id, action, target, outcome, address },
    at: new Date(at).toISOString(),
    actor: { kind: row.actor_kind, name: row.actor_name },
    duration_ms: duration_us === null ? null : duration_us / MICRO,
    details: details === null ? null : JSON.parse(details),
  });
}

/** A text with nothing in it that LIKE understands; the escape character is the same in both dialects. */
function containing(text: string): string {
  return `%${lowered(text).replace(/[!%_]/g, "!$&")}%`;
}

function conditionOf(table: Tables["audit"], filter: AuditFilter): SQL | undefined {
  const { action, actor, outcome, text } = filter;
  const hasText = (column: Column): SQL =>
    sql`lower(${column}) LIKE ${containing(text ?? "")} ESCAPE '!'`;
  const { actor_name, target, address, details } = table;
  return and(
    action === undefined
      ? undefined
      : sql`substr(${table.action}, 1, ${action.length}) = ${action}`,
    actor === undefined
      ? undefined
      : or(eq(actor_name, actor), sql`${table.actor_kind} = ${actor}`),
    outcome === undefined ? undefined : eq(table.outcome, outcome),
    text === undefined
      ? undefined
      : or(...[table.action, actor_name, target, address, details].map(hasText)),
  );
}

interface PageOptions {
  filter: AuditFilter;
  /** Only events before this id. */
  before?: string | undefined;
  limit: number;
}

export interface EventPage {
  /** The newest first. */
  events: AuditEvent[];
  /** All events down to this id were looked at; null when there are no older ones. */
  reached: string | null;
}

export class EventLog {
  readonly #database: Database;
  readonly #search: SearchLimits;

  constructor(database: Database, search = SEARCH) {
    this.#database = database;
    this.#search = search;
  }

  /** Adds events; one that is there already stays as it is. At most `ROWS_PER_STATEMENT`. */
  async add(events: readonly AuditEvent[]): Promise<void> {
    if (events.length === 0) return;
    const { queries, tables } = this.#database;
    await queries.insert(tables.audit).values(events.map(rowOf)).onConflictDoNothing();
  }

  /** Looks at a bounded number of rows, in steps between which others get their turn. */
  async page({ filter, before = NEWEST, limit }: PageOptions): Promise<EventPage> {
    const { until, since } = filter;
    const condition = conditionOf(this.#database.tables.audit, filter);
    const end = since === undefined ? undefined : idAt(since);
    const events: AuditEvent[] = [];
    let upper = until === undefined || before < idAt(until) ? before : idAt(until);
    const { stepRows, rowsMax } = this.#search;
    for (let looked = 0; looked < rowsMax; looked += stepRows) {
      const lower = await this.#stepDown(upper, end);
      // One more than is wanted tells whether there are more.
      const wanted = limit + 1 - events.length;
      const rows = await this.#rows({ upper, lower: lower ?? end, condition, limit: wanted });
      events.push(...rows.map(eventOf));
      if (events.length > limit) {
        const page = events.slice(0, limit);
        return { events: page, reached: page.at(-1)?.id ?? null };
      }
      if (lower === undefined) return { events, reached: null };
      upper = lower;
      await Bun.sleep(0);
    }
    return { events, reached: upper };
  }

  /** The id one step below `upper`; undefined when there are not so many. */
  async #stepDown(upper: string, end: string | undefined): Promise<string | undefined> {
    const { queries, tables } = this.#database;
    const { id } = tables.audit;
    const [row] = await queries
      .select({ id })
      .from(tables.audit)
      .where(and(lt(id, upper), end === undefined ? undefined : gte(id, end)))
      .orderBy(desc(id))
      .limit(1)
      .offset(this.#search.stepRows - 1);
    return row?.id;
  }

  #rows(range: {
    upper: string;
    lower: string | undefined;
    condition: SQL | undefined;
    limit: number;
  }): Promise<Row[]> {
    const { queries, tables } = this.#database;
    const { id } = tables.audit;
    const { upper, lower, condition, limit } = range;
    return queries
      .select()
      .from(tables.audit)
      .where(and(lt(id, upper), lower === undefined ? undefined : gte(id, lower), condition))
      .orderBy(desc(id))
      .limit(limit);
  }
}
