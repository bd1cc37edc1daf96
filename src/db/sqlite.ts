/** The SQLite database: one private file, durable at every commit, shared by several processes. */
import { Database as SqliteClient } from "bun:sqlite";
import { existsSync } from "node:fs";
import { chmod, mkdir, open } from "node:fs/promises";
import { dirname } from "node:path";
import { drizzle } from "drizzle-orm/bun-sqlite";
import { LunaError, messageOf, UnavailableError } from "../lib/errors.ts";
import { PRIVATE_MODE } from "../lib/files.ts";
import type { Database } from "./database.ts";
import { CREATE_MIGRATIONS_TABLE, nextMigration } from "./migrations.ts";
import { sqliteTables } from "./sqlite-schema.ts";

/** How long to wait for another process that is writing. */
const BUSY_TIMEOUT_MS = 5000;
const PRIVATE_FOLDER_MODE = 0o700;

/** SQLite gives its `-wal` and `-shm` files the mode of the file itself, so it must be private before SQLite opens it. */
async function ensurePrivateFile(path: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: PRIVATE_FOLDER_MODE });
  const file = await open(path, "a", PRIVATE_MODE);
  await file.close();
  await chmod(path, PRIVATE_MODE);
}

function configure(client: SqliteClient): void {
  client.run(`PRAGMA busy_timeout = ${BUSY_TIMEOUT_MS}`);
  client.run("PRAGMA journal_mode = WAL");
  // A commit that was answered survives a power cut: with NORMAL it may not.
  client.run("PRAGMA synchronous = FULL");
  client.run("PRAGMA foreign_keys = ON");
}

/** Applies one migration; the write lock is taken first, so another process waits and then sees it done. */
function migrateOnce(client: SqliteClient): boolean {
  const step = client.transaction(() => {
    client.run(CREATE_MIGRATIONS_TABLE);
    const rows = client.query<{ name: string }, []>("SELECT name FROM luna_migrations").all();
    const next = nextMigration(rows.map((row) => row.name));
    if (next === undefined) return false;
    client.run(next.sqlite);
    client.run("INSERT INTO luna_migrations (name, applied_at) VALUES (?, ?)", [
      next.name,
      Date.now(),
    ]);
    return true;
  });
  return step.immediate();
}

/** Opens the file at `path`, and makes it when there is none. A damaged file is never replaced. */
export async function openSqlite(path: string): Promise<Database> {
  let client: SqliteClient | undefined;
  try {
    await ensurePrivateFile(path);
    client = new SqliteClient(path, { readwrite: true, create: true });
    configure(client);
    while (migrateOnce(client));
  } catch (cause) {
    client?.close();
    if (cause instanceof LunaError) throw cause;
    throw new UnavailableError(
      `Cannot open the database "${path}": ${messageOf(cause)}; make room or restore the file from a backup, nothing was replaced`,
      { cause },
    );
  }
  return databaseOf(client);
}

function databaseOf(client: SqliteClient): Database {
  return {
    dialect: "sqlite",
    tables: sqliteTables,
    queries: drizzle({ client }),
    close: async () => client.close(),
  };
}

/** Whether all migrations were applied. */
function isCurrent(client: SqliteClient): boolean {
  const tables = client
    .query<{ name: string }, []>("SELECT name FROM sqlite_schema WHERE name = 'luna_migrations'")
    .all();
  if (tables.length === 0) return false;
  const rows = client.query<{ name: string }, []>("SELECT name FROM luna_migrations").all();
  return nextMigration(rows.map((row) => row.name)) === undefined;
}

/** Opens the file at `path` without changing anything; undefined when there is none, or one that is not up to date. */
export async function openSqliteToRead(path: string): Promise<Database | undefined> {
  if (!existsSync(path)) return undefined;
  let client: SqliteClient | undefined;
  try {
    client = new SqliteClient(path, { readonly: true });
    client.run(`PRAGMA busy_timeout = ${BUSY_TIMEOUT_MS}`);
    if (isCurrent(client)) return databaseOf(client);
  } catch (cause) {
    client?.close();
    if (cause instanceof LunaError) throw cause;
    throw new UnavailableError(`Cannot read the database "${path}": ${messageOf(cause)}`, {
      cause,
    });
  }
  client.close();
  return undefined;
}
