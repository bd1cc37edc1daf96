/** The database on a real Postgres: the same rules as on SQLite, and what only a server can suffer. */
import { afterAll, expect, test } from "bun:test";
import connect from "postgres";
import { MIGRATIONS } from "../../src/db/migrations.ts";
import { openDatabase } from "../../src/db/open.ts";
import { UnavailableError } from "../../src/lib/errors.ts";
import { databaseSuite } from "../support/database-suite.ts";
import { startPostgres } from "../support/postgres.ts";

const server = await startPostgres();
afterAll(() => server.remove());

databaseSuite({ name: "postgres", create: () => server.createDatabase() });

test("a server that is not there is named, and so is a database that is not", async () => {
  const settings = await server.createDatabase();
  if ("url" in settings.connection) throw new Error("this test wants the parts of the address");
  const nowhere = { ...settings.connection, host: "/nonexistent" };
  const away = openDatabase({ ...settings, connection: nowhere, where: "nowhere:5432/luna" });
  await expect(away).rejects.toThrow(UnavailableError);
  await expect(away).rejects.toThrow('Cannot use the Postgres database "nowhere:5432/luna"');
  const missing = { ...settings.connection, database: "missing" };
  const unknown = openDatabase({ ...settings, connection: missing });
  await expect(unknown).rejects.toThrow('database "missing" does not exist');
});

test("a database that a newer Luna has changed is refused", async () => {
  const settings = await server.createDatabase();
  await (await openDatabase(settings)).close();
  if ("url" in settings.connection) throw new Error("this test wants the parts of the address");
  const client = connect(settings.connection);
  const rows = await client<{ name: string }[]>`SELECT name FROM luna_migrations`;
  expect(rows.map((row) => row.name)).toEqual(MIGRATIONS.map((migration) => migration.name));
  await client`INSERT INTO luna_migrations VALUES ('9999-from-the-future', 1)`;
  await client.end();
  await expect(openDatabase(settings)).rejects.toThrow("a newer Luna has changed it");
});
