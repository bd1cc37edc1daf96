/** Removes from the audit log what is too old, or too much: always the oldest, in steps between which others get their turn. */
import { and, asc, desc, gte, lt, lte } from "drizzle-orm";
import type { AuditSettings } from "../contract/config.ts";
import type { Database } from "../db/database.ts";
import { idAt } from "./filter.ts";

const DAY_MS = 24 * 60 * 60_000;
const STEP_ROWS = 1_000;

type Limits = Pick<AuditSettings, "retention_days" | "events_max">;

export class Retention {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  /**
   * @param now milliseconds since 1970
   * @returns how many events were removed
   */
  async apply({ retention_days, events_max }: Limits, now: number): Promise<number> {
    const aged = await this.#removeBefore(idAt(now - retention_days * DAY_MS));
    const first = await this.#idOfNewest(events_max);
    return first === undefined ? aged : aged + (await this.#removeBefore(first));
  }

  /** The id of the `count`-th newest event; undefined when there are fewer. */
  async #idOfNewest(count: number): Promise<string | undefined> {
    const { queries, tables } = this.#database;
    const { id } = tables.audit;
    let reached: string | undefined;
    for (let left = count; left > 0; left -= STEP_ROWS) {
      const [row] = await queries
        .select({ id })
        .from(tables.audit)
        .where(reached === undefined ? undefined : lt(id, reached))
        .orderBy(desc(id))
        .limit(1)
        .offset(Math.min(left, STEP_ROWS) - 1);
      if (row === undefined) return undefined;
      reached = row.id;
      await Bun.sleep(0);
    }
    return reached;
  }

  async #removeBefore(end: string): Promise<number> {
    const { queries, tables } = this.#database;
    const { id } = tables.audit;
    for (let removed = 0; ; ) {
      const oldest = await queries
        .select({ id })
        .from(tables.audit)
        .where(lt(id, end))
        .orderBy(asc(id))
        .limit(STEP_ROWS);
      const [first] = oldest;
      const last = oldest.at(-1);
      if (first === undefined || last === undefined) return removed;
      await queries.delete(tables.audit).where(and(gte(id, first.id), lte(id, last.id)));
      removed += oldest.length;
      await Bun.sleep(0);
    }
  }
}
