/** The Postgres database, when one is configured. */
import { drizzle } from "drizzle-orm/postgres-js";
import connect, { type Sql } from "postgres";
import { LunaError, messageOf, UnavailableError } from "../lib/errors.ts";
import type { Database, Queries, Tables } from "./database.ts";
import { CREATE_MIGRATIONS_TABLE, nextMigration } from "./migrations.ts";
import { postgresTables } from "./postgres-schema.ts";
import type { PostgresSettings } from "./settings.ts";

const CONNECT_TIMEOUT_S = 5;
/** Between attempts to reconnect: constant, as each attempt is made for somebody who waits. */
const RECONNECT_S = 0.2;
const CONNECTIONS_MAX = 5;
const CLOSE_TIMEOUT_S = 2;
/** Any number, as long as every Luna takes the same: "luna" in ASCII. */
const MIGRATION_LOCK = 0x6c_75_6e_61;

function connectTo(settings: PostgresSettings, { readOnly = false } = {}): Sql {
  const options = {
    max: CONNECTIONS_MAX,
    connect_timeout: CONNECT_TIMEOUT_S,
    backoff: () => RECONNECT_S,
    // The types of columns are known from the schema.
    fetch_types: false,
    connection: {
      application_name: "luna",
      ...(readOnly ? { default_transaction_read_only: true } : {}),
    },
    // Notices ("relation already exists, skipping") would go to standard output.
    onnotice: () => undefined,
  };
  const { connection } = settings;
  return "url" in connection
    ? connect(connection.url, options)
    : connect({ ...connection, ...options });
}

/** Applies one migration; the lock is taken first, so another process waits and then sees it done. */
async function migrateOnce(client: Sql): Promise<boolean> {
  return client.begin(async (transaction) => {
    await transaction`SELECT pg_advisory_xact_lock(${MIGRATION_LOCK})`;
    await transaction.unsafe(CREATE_MIGRATIONS_TABLE);
    const rows = await transaction<{ name: string }[]>`SELECT name FROM luna_migrations`;
    const next = nextMigration(rows.map((row) => row.name));
    if (next === undefined) return false;
    await transaction.unsafe(next.postgres);
    await transaction`INSERT INTO luna_migrations (name, applied_at) VALUES (${next.name}, ${Date.now()})`;
    return true;
  });
}

/**
 * Connects and brings the tables up to date.
 * @throws UnavailableError when the server cannot be reached or refuses
 */
export async function openPostgres(settings: PostgresSettings): Promise<Database> {
  const client = connectTo(settings);
  try {
    while (await migrateOnce(client));
  } catch (cause) {
    await client.end({ timeout: 0 });
    throw refusal(settings, cause);
  }
  return databaseOf(client);
}

function refusal({ where }: PostgresSettings, cause: unknown): LunaError {
  if (cause instanceof LunaError) return cause;
  return new UnavailableError(
    `Cannot use the Postgres database "${where}": ${messageOf(cause)}; check DATABASE_URL or the DB_ variables, and that the server runs`,
    { cause },
  );
}

function databaseOf(client: Sql): Database {
  return {
    dialect: "postgres",
    // The two dialects' builders and tables differ in their types alone, as far as `Queries` allows
    // them to be used: the twin test compares the tables, and every test of a query runs on both.
    tables: postgresTables as unknown as Tables,
    queries: drizzle({ client }) as unknown as Queries,
    close: () => client.end({ timeout: CLOSE_TIMEOUT_S }),
  };
}

/** Whether all migrations were applied. */
async function isCurrent(client: Sql): Promise<boolean> {
  const [found] = await client<{ name: string | null }[]>`
    SELECT to_regclass('luna_migrations')::text AS name`;
  if (!found?.name) return false;
  const rows = await client<{ name: string }[]>`SELECT name FROM luna_migrations`;
  return nextMigration(rows.map((row) => row.name)) === undefined;
}

/**
 * Connects without changing anything; undefined when the tables are not there, or not up to date.
 * @throws UnavailableError when the server cannot be reached or refuses
 */
export async function openPostgresToRead(
  settings: PostgresSettings,
): Promise<Database | undefined> {
  const client = connectTo(settings, { readOnly: true });
  try {
    if (await isCurrent(client)) return databaseOf(client);
  } catch (cause) {
    await client.end({ timeout: 0 });
    throw refusal(settings, cause);
  }
  await client.end({ timeout: 0 });
  return undefined;
}
