/** Tests of which database the environment asks for. */
import { expect, test } from "bun:test";
import { InvalidInputError } from "../lib/errors.ts";
import { databaseSettings } from "./settings.ts";

const path = "/home/luna/.luna/luna.db";

test("without settings, or with empty ones, it is the file", () => {
  const sqlite = { dialect: "sqlite", path } as const;
  expect(databaseSettings({}, path)).toEqual(sqlite);
  expect(databaseSettings({ DATABASE_URL: "", DB_HOST: "", DB_PORT: "" }, path)).toEqual(sqlite);
  // A password or a name alone asks for nothing.
  expect(databaseSettings({ DB_PASSWORD: "x", DB_NAME: "y" }, path)).toEqual(sqlite);
});

test("DB_HOST asks for Postgres, with the usual defaults", () => {
  expect(databaseSettings({ DB_HOST: "db" }, path)).toEqual({
    dialect: "postgres",
    connection: { host: "db", port: 5432, database: "luna", username: "postgres", password: "" },
    where: "db:5432/luna",
    password: "",
  });
  const all = { DB_HOST: "db", DB_PORT: "6000", DB_NAME: "n", DB_USER: "u", DB_PASSWORD: "p@:/" };
  expect(databaseSettings(all, path)).toEqual({
    dialect: "postgres",
    connection: { host: "db", port: 6000, database: "n", username: "u", password: "p@:/" },
    where: "db:6000/n",
    password: "p@:/",
  });
});

test("DATABASE_URL comes first, and its password stays out of messages", () => {
  const url = "postgres://u:s%40cret@db.example:6000/n?sslmode=require";
  expect(databaseSettings({ DATABASE_URL: url, DB_HOST: "other" }, path)).toEqual({
    dialect: "postgres",
    connection: { url },
    where: "db.example:6000/n",
    password: "s@cret",
  });
});

test("what makes no sense is refused without repeating it", () => {
  for (const DATABASE_URL of [
    "mysql://u:hunter22@h/d",
    "hunter22",
    "postgres://u:%zzhunter22@h/d",
  ]) {
    const read = () => databaseSettings({ DATABASE_URL }, path);
    expect(read).toThrow(InvalidInputError);
    expect(read).not.toThrow("hunter22");
  }
  for (const DB_PORT of ["0", "65536", "five", "54.5"]) {
    expect(() => databaseSettings({ DB_HOST: "db", DB_PORT }, path)).toThrow(InvalidInputError);
  }
});
