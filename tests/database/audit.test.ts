/** The audit log on a real Postgres: the same rules as on SQLite, and one command that only a server has. */
import { afterAll, expect, test } from "bun:test";
import connect from "postgres";
import { openDatabase } from "../../src/db/open.ts";
import { auditSuite } from "../support/audit-suite.ts";
import { startPostgres } from "../support/postgres.ts";

const server = await startPostgres();
afterAll(() => server.remove());

auditSuite({ name: "postgres", create: () => server.createDatabase() });

test("the table cannot be emptied at once", async () => {
  const settings = await server.createDatabase();
  await (await openDatabase(settings)).close();
  if ("url" in settings.connection) throw new Error("this test wants the parts of the address");
  const client = connect(settings.connection);
  await expect((async () => client`TRUNCATE luna_audit`)()).rejects.toThrow("append-only");
  await client.end();
});
