/** The notes tools, called as a tool host calls them. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { NoteStore } from "./note_store.ts";
import { TOOLS } from "./notes_tools.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "luna-notes-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

const log = { debug() {}, info() {}, warn() {}, error() {} };

/** Runs a tool with arguments parsed as the host parses them. */
async function call(name: string, args: Record<string, unknown>): Promise<unknown> {
  const tool = TOOLS.find((one) => one.name === name);
  if (tool === undefined) throw new Error(`no tool ${name}`);
  const signal = new AbortController().signal;
  const context = { extension: "notes", data_dir: folder, signal, log };
  return Reflect.apply(tool.run, tool, [tool.input.parse(args), context]);
}

async function create(title: string, body = ""): Promise<void> {
  await call("NOTES_UPDATE_create", { title, body });
}

test("a note is created, listed, changed and deleted", async () => {
  await create("First", "one");
  expect(await call("NOTES_UPDATE_create", { title: "  Second " })).toMatchObject({
    id: 2,
    title: "Second",
    body: "",
  });
  expect(await call("NOTES_UPDATE_update", { id: 1, body: "uno" })).toMatchObject({
    title: "First",
    body: "uno",
  });
  expect(await call("NOTES_UPDATE_delete", { id: 2 })).toEqual({ deleted: 2 });
  expect(await call("NOTES_GET_all", {})).toMatchObject({
    total: 1,
    notes: [{ id: 1, title: "First", body: "uno" }],
    next_offset: null,
  });
});

test("a note that is not there is a failure that says where ids come from", async () => {
  const text = expect.stringContaining("There is no note 9");
  expect(await call("NOTES_UPDATE_delete", { id: 9 })).toEqual([false, text]);
  expect(await call("NOTES_UPDATE_update", { id: 9, title: "x" })).toEqual([false, text]);
  await create("A");
  expect(await call("NOTES_UPDATE_update", { id: 1 })).toEqual([false, expect.any(String)]);
});

test("an id is never given twice", async () => {
  await create("A");
  await call("NOTES_UPDATE_delete", { id: 1 });
  expect(await call("NOTES_UPDATE_create", { title: "B" })).toMatchObject({ id: 2 });
});

test("search finds words by their beginning, in any order, without accents", async () => {
  await create("Café at the harbour", "open on Mondays");
  await create("Harbour master");
  const found = await call("NOTES_GET_search", { query: "monday CAFE" });
  expect(found).toMatchObject({ total: 1, notes: [{ title: "Café at the harbour" }] });
  expect(await call("NOTES_GET_search", { query: "harb" })).toMatchObject({ total: 2 });
});

test("search finds the inside of words and text without spaces", async () => {
  await create("Doorbell");
  await create("買い物リスト", "牛乳");
  expect(await call("NOTES_GET_search", { query: "bell" })).toMatchObject({ total: 1 });
  expect(await call("NOTES_GET_search", { query: "リスト" })).toMatchObject({ total: 1 });
});

test("query syntax and wildcards in a search are plain text", async () => {
  await create("100% done");
  await create("1000 done");
  for (const query of ['"', "a AND", "NEAR(", "title:x", "*", "a'b; DROP TABLE notes", "^x", "-"]) {
    expect(await call("NOTES_GET_search", { query })).toHaveProperty("total");
  }
  expect(await call("NOTES_GET_search", { query: "%" })).toMatchObject({ total: 1 });
  expect(await call("NOTES_GET_search", { query: "_" })).toMatchObject({ total: 0 });
});

test("search follows changes and deletions", async () => {
  await create("Apple");
  await call("NOTES_UPDATE_update", { id: 1, title: "Pear" });
  expect(await call("NOTES_GET_search", { query: "apple" })).toMatchObject({ total: 0 });
  expect(await call("NOTES_GET_search", { query: "pear" })).toMatchObject({ total: 1 });
  await call("NOTES_UPDATE_delete", { id: 1 });
  expect(await call("NOTES_GET_search", { query: "pear" })).toMatchObject({ total: 0 });
});

test("pages lead through all notes, and the largest page fits into one result", async () => {
  const store = new NoteStore(folder);
  // The character that JSON writes longest.
  for (let n = 0; n < 60; n += 1) store.create({ title: "t", body: "\u0001".repeat(20_000) });
  store.close();
  const first = await call("NOTES_GET_all", { limit: 50 });
  expect(first).toMatchObject({ total: 60, next_offset: 50 });
  expect(JSON.stringify(first).length).toBeLessThan(1_048_576);
  expect(JSON.stringify(first)).toContain('"body_is_cut":true');
  const last = await call("NOTES_GET_all", { limit: 50, offset: 50 });
  expect(last).toMatchObject({ next_offset: null });
  expect(last).toHaveProperty("notes.length", 10);
});

test("sizes are bounded", async () => {
  await expect(create("x".repeat(201))).rejects.toThrow("200");
  await expect(create("x", "y".repeat(20_001))).rejects.toThrow("20000");
  await expect(create("   ")).rejects.toThrow();
  await expect(call("NOTES_GET_all", { limit: 51 })).rejects.toThrow("50");
});

test("two processes' worth of stores share one file", () => {
  const one = new NoteStore(folder);
  const two = new NoteStore(folder);
  one.create({ title: "from one", body: "" });
  two.create({ title: "from two", body: "" });
  expect(one.all({ limit: 10, offset: 0 }).total).toBe(2);
  expect(two.search("from", { limit: 10, offset: 0 }).total).toBe(2);
  one.close();
  two.close();
});
