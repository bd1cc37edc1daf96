/** Luna's database: one shape for SQLite and Postgres, so that every query is written once. */
import type { BunSQLiteDatabase } from "drizzle-orm/bun-sqlite";
import type { DatabaseSettings } from "./settings.ts";
import type { sqliteTables } from "./sqlite-schema.ts";

export type Tables = typeof sqliteTables;

/**
 * Drizzle's query builders. Both dialects are used through SQLite's types, and always by awaiting a builder
 * (or a prepared one's `execute`): `.get()`, `.all()` and `.run()` exist in SQLite alone.
 * What must happen as a whole is one statement, as a transaction is synchronous in one dialect and not in the other.
 */
export type Queries = Pick<BunSQLiteDatabase, "select" | "insert" | "update" | "delete">;

export interface Database {
  readonly dialect: DatabaseSettings["dialect"];
  readonly tables: Tables;
  readonly queries: Queries;
  close(): Promise<void>;
}
