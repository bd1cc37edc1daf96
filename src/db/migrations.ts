/** The migrations of both dialects, embedded as text, and which of them comes next. */
import { UnavailableError } from "../lib/errors.ts";
import signInPostgres from "./migrations/postgres/0001-sign-in.sql" with { type: "text" };
import methodsPostgres from "./migrations/postgres/0002-sign-in-methods.sql" with { type: "text" };
import auditPostgres from "./migrations/postgres/0003-audit.sql" with { type: "text" };
import oauthPostgres from "./migrations/postgres/0004-oauth.sql" with { type: "text" };
import signInSqlite from "./migrations/sqlite/0001-sign-in.sql" with { type: "text" };
import methodsSqlite from "./migrations/sqlite/0002-sign-in-methods.sql" with { type: "text" };
import auditSqlite from "./migrations/sqlite/0003-audit.sql" with { type: "text" };
import oauthSqlite from "./migrations/sqlite/0004-oauth.sql" with { type: "text" };

interface Migration {
  /** What `luna_migrations` remembers; never changed once released. */
  name: string;
  sqlite: string;
  postgres: string;
}

/** In the order in which they are applied; released ones are never edited, only followed. */
export const MIGRATIONS: readonly Migration[] = [
  { name: "0001-sign-in", sqlite: signInSqlite, postgres: signInPostgres },
  { name: "0002-sign-in-methods", sqlite: methodsSqlite, postgres: methodsPostgres },
  { name: "0003-audit", sqlite: auditSqlite, postgres: auditPostgres },
  { name: "0004-oauth", sqlite: oauthSqlite, postgres: oauthPostgres },
];

/** The same text in both dialects. */
export const CREATE_MIGRATIONS_TABLE =
  "CREATE TABLE IF NOT EXISTS luna_migrations (name TEXT PRIMARY KEY NOT NULL, applied_at BIGINT NOT NULL)";

/**
 * The first migration that is not among `applied`; undefined when the database is up to date.
 * @throws UnavailableError when a newer Luna has changed the database: this one could not keep its rules
 */
export function nextMigration(applied: readonly string[]): Migration | undefined {
  const stranger = applied.find((name) => !MIGRATIONS.some((known) => known.name === name));
  if (stranger !== undefined) {
    throw new UnavailableError(
      `Cannot use the database: a newer Luna has changed it ("${stranger}"); start that version, or restore a backup`,
    );
  }
  return MIGRATIONS.find((migration) => !applied.includes(migration.name));
}
