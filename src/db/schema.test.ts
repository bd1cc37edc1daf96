/** Holds the two dialects, their migrations and the tables that these make to one another. */
import { Database as SqliteClient } from "bun:sqlite";
import { expect, test } from "bun:test";
import { getTableColumns, getTableName } from "drizzle-orm";
import { getTableConfig as postgresConfig } from "drizzle-orm/pg-core";
import { getTableConfig as sqliteConfig } from "drizzle-orm/sqlite-core";
import { MIGRATIONS, nextMigration } from "./migrations.ts";
import { postgresTables } from "./postgres-schema.ts";
import { sqliteTables } from "./sqlite-schema.ts";

type AnyTable = Parameters<typeof getTableColumns>[0];

/** What a query can tell of a table: its name, and each column's name, kind and rules. */
function shapeOf(table: AnyTable) {
  const columns = Object.entries(getTableColumns(table)).map(([key, column]) => {
    const { name, dataType, notNull, primary, isUnique, hasDefault } = column;
    return { key, name, dataType, notNull, primary, isUnique, hasDefault };
  });
  return { name: getTableName(table), columns };
}

interface ForeignKey {
  onDelete: string | undefined;
  reference(): { columns: { name: string }[]; foreignTable: AnyTable };
}

const referencesOf = (keys: readonly ForeignKey[]) =>
  keys.map((key) => {
    const { columns, foreignTable } = key.reference();
    const names = columns.map((column) => column.name);
    return { names, table: getTableName(foreignTable), onDelete: key.onDelete };
  });

test("both dialects have the same tables and columns", () => {
  expect(Object.keys(sqliteTables).length).toBeGreaterThan(2);
  const sqlite = Object.entries(sqliteTables).map(([key, table]) => [key, shapeOf(table)]);
  const postgres = Object.entries(postgresTables).map(([key, table]) => [key, shapeOf(table)]);
  expect(postgres).toEqual(sqlite);
});

test("both dialects have the same foreign keys", () => {
  const sqlite = Object.values(sqliteTables).map((t) => referencesOf(sqliteConfig(t).foreignKeys));
  const postgres = Object.values(postgresTables).map((t) =>
    referencesOf(postgresConfig(t).foreignKeys),
  );
  expect(sqlite.flat().length).toBeGreaterThan(1);
  expect(postgres).toEqual(sqlite);
});

test("the migrations make exactly the tables of the schema", () => {
  const client = new SqliteClient(":memory:");
  for (const migration of MIGRATIONS) client.run(migration.sqlite);
  const made = client
    .query<{ table: string; column: string; required: number; key: number }, []>(
      `SELECT t.name AS "table", c.name AS "column", c."notnull" AS required, c.pk AS key
       FROM sqlite_schema t, pragma_table_info(t.name) c WHERE t.type = 'table' ORDER BY t.name, c.cid`,
    )
    .all();
  const declared = Object.values(sqliteTables)
    .sort((a, b) => getTableName(a).localeCompare(getTableName(b)))
    .flatMap((table) =>
      sqliteConfig(table).columns.map((column) => ({
        table: getTableName(table),
        column: column.name,
        required: Number(column.notNull),
        key: Number(column.primary),
      })),
    );
  expect(made).toEqual(declared);
  client.close();
});

test("the migrations make the same tables in both dialects", () => {
  // What follows a table's own rules speaks each dialect's language.
  const plain = (text: string): string =>
    (text.split(/^CREATE (?:TRIGGER|FUNCTION)/m)[0] ?? "")
      .replaceAll("BIGINT", "INTEGER")
      .replaceAll(") STRICT, WITHOUT ROWID;", ");");
  for (const { sqlite, postgres } of MIGRATIONS) {
    expect(plain(sqlite)).not.toBe("");
    expect(plain(postgres)).toBe(plain(sqlite));
  }
});

test("migrations come in order, and each once", () => {
  const names = MIGRATIONS.map((migration) => migration.name);
  expect(names).toEqual([...new Set(names)].sort());
  const applied: string[] = [];
  for (let next = nextMigration(applied); next !== undefined; next = nextMigration(applied)) {
    applied.push(next.name);
  }
  expect(applied).toEqual(names);
});
