/** Tests of the audit log on SQLite, and of what a page may ask for. */
import { afterAll, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { auditSuite } from "../../tests/support/audit-suite.ts";
import { InvalidInputError } from "../lib/errors.ts";
import { decodeCursor, encodeCursor, idAt } from "./filter.ts";

const folder = await mkdtemp(join(tmpdir(), "luna-audit-db-"));
afterAll(() => rm(folder, { recursive: true, force: true }));

let count = 0;
auditSuite({
  name: "sqlite",
  create: async () => ({ dialect: "sqlite", path: join(folder, `${++count}`, "luna.db") }),
});

test("the id of a moment is the least of all that are made in it", () => {
  const now = 1_800_000_000_123;
  for (let i = 0; i < 1_000; i += 1) {
    const id = Bun.randomUUIDv7("hex", now);
    expect(id > idAt(now)).toBe(true);
    expect(id < idAt(now + 1)).toBe(true);
  }
  expect(idAt(-1)).toBe(idAt(0));
});

test("a cursor is what a page came with, and nothing else", () => {
  const id = Bun.randomUUIDv7();
  expect(decodeCursor(encodeCursor(id))).toBe(id);
  for (const wrong of ["", "x", id, encodeCursor("' OR 1=1 --"), encodeCursor(`${id}0`)]) {
    expect(() => decodeCursor(wrong)).toThrow(InvalidInputError);
  }
});
