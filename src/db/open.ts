/** Opens whichever database is configured. */
import type { Database } from "./database.ts";
import type { DatabaseSettings } from "./settings.ts";

/**
 * Opens the database and brings its tables up to date. Only the driver that is needed is loaded.
 * @throws UnavailableError when it cannot be reached or used, with the reason
 */
export async function openDatabase(settings: DatabaseSettings): Promise<Database> {
  if (settings.dialect === "postgres") {
    const { openPostgres } = await import("./postgres.ts");
    return openPostgres(settings);
  }
  const { openSqlite } = await import("./sqlite.ts");
  return openSqlite(settings.path);
}

/**
 * Opens the database for reading alone, while nobody else may have it open; undefined when there is none yet, or none
 * that this Luna has brought up to date.
 * @throws UnavailableError when it cannot be reached or used, with the reason
 */
export async function openDatabaseToRead(
  settings: DatabaseSettings,
): Promise<Database | undefined> {
  if (settings.dialect === "postgres") {
    const { openPostgresToRead } = await import("./postgres.ts");
    return openPostgresToRead(settings);
  }
  const { openSqliteToRead } = await import("./sqlite.ts");
  return openSqliteToRead(settings.path);
}
