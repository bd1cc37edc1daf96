/** Tests of the database on SQLite, and of what only a file can suffer. */
import { Database as SqliteClient } from "bun:sqlite";
import { afterAll, expect, test } from "bun:test";
import { chmod, mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sql } from "drizzle-orm";
import { databaseSuite } from "../../tests/support/database-suite.ts";
import { UnavailableError } from "../lib/errors.ts";
import { openDatabase } from "./open.ts";
import type { DatabaseSettings } from "./settings.ts";

const folder = await mkdtemp(join(tmpdir(), "luna-db-"));
afterAll(() => rm(folder, { recursive: true, force: true }));

let count = 0;
const newPath = (): string => join(folder, `${++count}`, "luna.db");
const sqlite = (path: string): DatabaseSettings => ({ dialect: "sqlite", path });
const modeOf = async (path: string): Promise<number> => (await stat(path)).mode & 0o777;

databaseSuite({ name: "sqlite", create: async () => sqlite(newPath()) });

test("the file and its companions are private, also a file that was not", async () => {
  const path = newPath();
  for (const mode of [undefined, 0o644]) {
    if (mode !== undefined) await chmod(path, mode);
    const database = await openDatabase(sqlite(path));
    await database.queries.insert(database.tables.users).values({
      id: `${mode}`,
      username: `${mode}`,
      created_at: 1,
    });
    expect(await modeOf(path)).toBe(0o600);
    expect(await modeOf(`${path}-wal`)).toBe(0o600);
    await database.close();
  }
});

test("a commit is durable: WAL, with a sync each", async () => {
  const path = newPath();
  const { queries, close } = await openDatabase(sqlite(path));
  const [row] = await queries
    .select({ synchronous: sql<number>`synchronous`, mode: sql<string>`journal_mode` })
    .from(sql`pragma_synchronous, pragma_journal_mode`);
  const FULL = 2;
  expect(row).toEqual({ synchronous: FULL, mode: "wal" });
  await close();
});

test("a file that is no database is named and left as it is", async () => {
  const path = join(folder, "broken.db");
  const text = "this is not a database, but somebody may want it back\n".repeat(100);
  await writeFile(path, text);
  const opening = openDatabase(sqlite(path));
  await expect(opening).rejects.toThrow(UnavailableError);
  await expect(opening).rejects.toThrow(`Cannot open the database "${path}"`);
  expect(await Bun.file(path).text()).toBe(text);
});

test("a database that a newer Luna has changed is refused", async () => {
  const path = newPath();
  await (await openDatabase(sqlite(path))).close();
  const client = new SqliteClient(path);
  client.run("INSERT INTO luna_migrations VALUES ('9999-from-the-future', 1)");
  client.close();
  const opening = openDatabase(sqlite(path));
  await expect(opening).rejects.toThrow(UnavailableError);
  await expect(opening).rejects.toThrow('a newer Luna has changed it ("9999-from-the-future")');
});
