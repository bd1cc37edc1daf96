/** Tests of telling a database that is not to be had from a query that is wrong. */
import { Database as SqliteClient } from "bun:sqlite";
import { afterAll, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DrizzleQueryError } from "drizzle-orm/errors";
import { UnavailableError } from "../lib/errors.ts";
import { databaseFailure } from "./failure.ts";

const folder = await mkdtemp(join(tmpdir(), "luna-failure-"));
afterAll(() => rm(folder, { recursive: true, force: true }));

function thrownBy(act: () => unknown): unknown {
  try {
    act();
  } catch (error) {
    return error;
  }
  throw new Error("This should have thrown");
}

function withCode(code: string): Error {
  return Object.assign(new Error("secret-host:5432 refused"), { code });
}

test("SQLite that is locked, full or read-only is unavailable", () => {
  const path = join(folder, "a.db");
  const one = new SqliteClient(path);
  const two = new SqliteClient(path);
  one.run("CREATE TABLE t (x TEXT)");
  one.run("BEGIN IMMEDIATE");
  const locked = thrownBy(() => two.run("BEGIN IMMEDIATE"));
  one.run("ROLLBACK");
  one.run("PRAGMA max_page_count = 2");
  const full = thrownBy(() => one.run("INSERT INTO t VALUES (zeroblob(100000))"));
  two.run("PRAGMA query_only = 1");
  const readOnly = thrownBy(() => two.run("INSERT INTO t VALUES (1)"));
  for (const error of [locked, full, readOnly]) {
    expect(databaseFailure(error)).toBeInstanceOf(UnavailableError);
    expect(databaseFailure(error)?.cause).toBe(error);
  }
  one.close();
  two.close();
});

test("a wrong query and a broken rule are not: they are faults of Luna's own", () => {
  const client = new SqliteClient(":memory:");
  client.run("CREATE TABLE t (x TEXT NOT NULL)");
  const wrong = thrownBy(() => client.run("SELECT * FROM nothing"));
  const broken = thrownBy(() => client.run("INSERT INTO t VALUES (NULL)"));
  for (const error of [wrong, broken, withCode("23505"), withCode("42P01"), new Error("x"), "x"]) {
    expect(databaseFailure(error)).toBeUndefined();
  }
  client.close();
});

test("Postgres that is away, starting or full is unavailable, also when Drizzle wraps it", () => {
  const codes = [
    "ECONNREFUSED",
    "ENOENT",
    "CONNECT_TIMEOUT",
    "CONNECTION_CLOSED",
    "57P03",
    "53300",
  ];
  for (const code of codes) {
    const failure = databaseFailure(new DrizzleQueryError("select 1", [], withCode(code)));
    expect(failure).toBeInstanceOf(UnavailableError);
    expect(failure?.message).not.toContain("secret-host");
  }
});
