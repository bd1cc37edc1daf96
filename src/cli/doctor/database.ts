/** Checks the database: that SQLite's file is whole, or that Postgres answers. */
import { Database } from "bun:sqlite";
import { existsSync } from "node:fs";
import { EnvFile } from "../../config/env-file.ts";
import { type DatabaseSettings, databaseSettings } from "../../db/settings.ts";
import { messageOf } from "../../lib/errors.ts";
import { type Check, type DoctorContext, type Finding, ok } from "./check.ts";

const CONNECT_TIMEOUT_S = 5;
const BUSY_TIMEOUT_MS = 2_000;
const FAULTS_MAX = 5;

/** What `PRAGMA quick_check` says of the file; none when it is whole. */
function faultsOf(path: string): string[] {
  const client = new Database(path, { readonly: true });
  try {
    client.run(`PRAGMA busy_timeout = ${BUSY_TIMEOUT_MS}`);
    const rows = client
      .query<{ quick_check: string }, []>(`PRAGMA quick_check(${FAULTS_MAX})`)
      .all();
    return rows.map((row) => row.quick_check).filter((said) => said !== "ok");
  } finally {
    client.close();
  }
}

function checkSqlite(path: string): Finding {
  if (!existsSync(path)) return ok("The database is not there yet", path);
  let faults: string[];
  try {
    faults = faultsOf(path);
  } catch (error) {
    faults = [messageOf(error)];
  }
  if (faults.length === 0) return ok("The database is whole", path);
  return {
    status: "fail",
    title: "The database is damaged",
    detail: `${path}\n${faults.join("\n")}`,
    fix: `luna down && sqlite3 "${path}" ".recover" | sqlite3 "${path}.recovered"   (or restore the file from a backup)`,
  };
}

async function checkPostgres(
  settings: Extract<DatabaseSettings, { dialect: "postgres" }>,
): Promise<Finding> {
  const { default: connect } = await import("postgres");
  const options = { max: 1, connect_timeout: CONNECT_TIMEOUT_S, fetch_types: false };
  const { connection } = settings;
  const client =
    "url" in connection ? connect(connection.url, options) : connect({ ...connection, ...options });
  try {
    await client`SELECT 1`;
    return ok("Postgres answers", settings.where);
  } catch (error) {
    return {
      status: "fail",
      title: `Postgres does not answer: ${messageOf(error)}`,
      detail: settings.where,
      fix: "Start it, or correct DATABASE_URL or the DB_ variables in .env",
    };
  } finally {
    await client.end({ timeout: 0 });
  }
}

/** What sign-in would use: the environment before `.env`. */
async function settingsOf({ environment, paths }: DoctorContext): Promise<DatabaseSettings> {
  const file = await new EnvFile(paths.env).read();
  return databaseSettings({ ...file, ...environment.variables }, paths.database);
}

export const databaseCheck: Check = {
  id: "database",
  run: async (context) => {
    let settings: DatabaseSettings;
    try {
      settings = await settingsOf(context);
    } catch (error) {
      return {
        status: "fail",
        title: messageOf(error),
        detail: "",
        fix: `Correct DATABASE_URL or the DB_ variables in "${context.paths.env}"`,
      };
    }
    return settings.dialect === "sqlite" ? checkSqlite(settings.path) : checkPostgres(settings);
  },
};
