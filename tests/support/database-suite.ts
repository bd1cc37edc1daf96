/** What must hold of Luna's database in either dialect: run by the fast tests on SQLite, and on a real Postgres. */
import { expect, test } from "bun:test";
import { sql } from "drizzle-orm";
import type { Database } from "../../src/db/database.ts";
import { openDatabase } from "../../src/db/open.ts";
import type { DatabaseSettings } from "../../src/db/settings.ts";

const PROCESSES = 4;

/** Runs one process that opens the database, and tells what it complained of. */
async function openElsewhere(settings: DatabaseSettings): Promise<string> {
  const script = new URL("open-database-once.ts", import.meta.url).pathname;
  const child = Bun.spawn([process.execPath, script, JSON.stringify(settings)], {
    stdout: "ignore",
    stderr: "pipe",
  });
  const errors = await new Response(child.stderr).text();
  return (await child.exited) === 0 ? "" : errors;
}

/** The rows of a table, counted by a query that both dialects understand. */
async function countOf(database: Database, table: keyof Database["tables"]): Promise<number> {
  const [row] = await database.queries
    .select({ count: sql<number>`count(*)`.mapWith(Number) })
    .from(database.tables[table]);
  return row?.count ?? -1;
}

interface DatabaseSuiteOptions {
  name: string;
  /** A new, empty database. */
  create(): Promise<DatabaseSettings>;
}

export function databaseSuite({ name, create }: DatabaseSuiteOptions): void {
  test(`${name}: several processes that start at once make the tables once`, async () => {
    const settings = await create();
    const complaints = await Promise.all(
      Array.from({ length: PROCESSES }, () => openElsewhere(settings)),
    );
    expect(complaints).toEqual(Array.from({ length: PROCESSES }, () => ""));
    const database = await openDatabase(settings);
    expect(await countOf(database, "users")).toBe(0);
    await database.close();
  });

  test(`${name}: rows survive closing and opening again`, async () => {
    const settings = await create();
    const user = { id: "u", username: "u", created_at: 1_800_000_000_000 };
    const first = await openDatabase(settings);
    await first.queries.insert(first.tables.users).values(user);
    await first.close();
    const second = await openDatabase(settings);
    expect(await second.queries.select().from(second.tables.users)).toEqual([user]);
    await second.close();
  });

  test(`${name}: every column of every table takes a value and gives it back`, async () => {
    const { queries, tables, close } = await openDatabase(await create());
    const user = { id: "u", username: "u", created_at: 1_800_000_000_000 };
    const common = { token_hash: "h", user_id: "u", created_at: 1, expires_at: 2 };
    // The largest number that JavaScript counts to: neither dialect may cut it.
    const github_id = Number.MAX_SAFE_INTEGER;
    const account = { login: "l", github_id, username: "L", created_at: 1, last_sign_in_at: 2 };
    const place = { address: "192.0.2.1", browser: "Firefox on Linux", passkey_id: "k", github_id };
    const session = { ...common, method: "link" as const, last_seen_at: 3, ...place };
    const link = { ...common, used_at: null };
    const passphrase = { user_id: "u", hash: "$argon2id$", changed_at: 1 };
    const key = { id: "k", user_id: "u", rp_id: "luna.example", name: "Key", public_key: "p" };
    const passkey = {
      ...key,
      counter: 4,
      transports: "usb,nfc",
      created_at: 1,
      last_used_at: null,
    };
    await queries.insert(tables.users).values(user);
    await queries.insert(tables.github_accounts).values(account);
    await queries.insert(tables.sessions).values(session);
    await queries.insert(tables.login_links).values(link);
    await queries.insert(tables.passphrases).values(passphrase);
    await queries.insert(tables.passkeys).values(passkey);
    expect(await queries.select().from(tables.users)).toEqual([user]);
    expect(await queries.select().from(tables.github_accounts)).toEqual([account]);
    expect(await queries.select().from(tables.passphrases)).toEqual([passphrase]);
    expect(await queries.select().from(tables.passkeys)).toEqual([passkey]);
    expect(await queries.select().from(tables.sessions)).toEqual([session]);
    expect(await queries.select().from(tables.login_links)).toEqual([link]);
    await close();
  });

  test(`${name}: a user's rows go with the user, and none can be without one`, async () => {
    const database = await openDatabase(await create());
    const { queries, tables, close } = database;
    const session = {
      token_hash: "h",
      user_id: "u",
      method: "link" as const,
      created_at: 1,
      last_seen_at: 1,
      expires_at: 2,
    };
    const orphan = async () => queries.insert(tables.sessions).values(session);
    await expect(orphan()).rejects.toThrow();
    await queries.insert(tables.users).values({ id: "u", username: "u", created_at: 1 });
    await queries.insert(tables.sessions).values(session);
    await queries.delete(tables.users);
    expect(await countOf(database, "sessions")).toBe(0);
    await close();
  });
}
