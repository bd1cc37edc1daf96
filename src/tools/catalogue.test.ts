/** The catalogue over description files in a temporary home. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { MasterConfigStore } from "../config/master-config.ts";
import { type Paths, pathsOf } from "../config/paths.ts";
import { writeJsonAtomic } from "../lib/files.ts";
import { ToolCatalogue } from "./catalogue.ts";

let paths: Paths;
let catalogue: ToolCatalogue;

beforeEach(() => {
  paths = pathsOf(mkdtempSync(join(tmpdir(), "luna-catalogue-")));
  mkdirSync(paths.tools, { recursive: true });
  catalogue = new ToolCatalogue({ paths, config: new MasterConfigStore(paths.masterConfig) });
});
afterEach(() => rmSync(paths.home, { recursive: true }));

async function describe(extension: string, names: string[], problems: string[] = []) {
  mkdirSync(join(paths.extensions, extension), { recursive: true });
  const tools = names.map((name) => ({
    name,
    description: name,
    input_schema: { type: "object" },
  }));
  const system_prompt = `Prompt of ${extension}`;
  const file = { extension, content_hash: "0", system_prompt, tools, problems };
  await writeJsonAtomic(paths.toolsFile(extension), file);
}

test("a home without descriptions has an empty catalogue", async () => {
  rmSync(paths.tools, { recursive: true });
  expect(await catalogue.read()).toMatchObject({ tools: [], system_prompts: [], problems: [] });
});

test("the same object comes back until something changes", async () => {
  await describe("notes", ["NOTES_GET_all"]);
  const [one, two] = await Promise.all([catalogue.read(), catalogue.read()]);
  expect(two).toBe(one);
  await writeJsonAtomic(paths.masterConfig, { public_domain: "example.org" });
  expect(await catalogue.read()).toBe(one);
  await describe("notes", ["NOTES_GET_all", "NOTES_GET_one"]);
  const changed = await catalogue.read();
  expect(changed.tools.map(({ name }) => name)).toEqual(["NOTES_GET_all", "NOTES_GET_one"]);
  expect(changed.byName.get("NOTES_GET_one")?.extension).toBe("notes");
  expect(changed.system_prompts).toEqual([{ extension: "notes", text: "Prompt of notes" }]);
});

/** Makes the folders look as if nothing had changed in them for long. */
function settle() {
  const past = new Date(Date.now() - 60_000);
  for (const folder of [paths.tools, paths.extensions]) utimesSync(folder, past, past);
}

test("changes are seen in folders that were at rest", async () => {
  await describe("notes", ["A"]);
  await describe("other", ["B"]);
  settle();
  const names = async () => [...(await catalogue.read()).byName.keys()];
  expect(await names()).toEqual(["A", "B"]);
  expect(await catalogue.read()).toBe(await catalogue.read());
  await describe("notes", ["C"]);
  expect(await names()).toEqual(["C", "B"]);
  settle();
  expect(await names()).toEqual(["C", "B"]);
  rmSync(join(paths.extensions, "other"), { recursive: true });
  expect(await names()).toEqual(["C"]);
  settle();
  expect(await names()).toEqual(["C"]);
  await writeJsonAtomic(paths.masterConfig, { extensions: { notes: { enabled: false } } });
  expect(await names()).toEqual([]);
});

test("a second change in the same tick of the clock of files is seen", async () => {
  const now = new Date();
  await describe("notes", ["A"]);
  utimesSync(paths.tools, now, now);
  await catalogue.read();
  await describe("notes", ["B"]);
  utimesSync(paths.tools, now, now);
  expect([...(await catalogue.read()).byName.keys()]).toEqual(["B"]);
});

test("disabled extensions and those whose folder is gone are left out", async () => {
  await describe("notes", ["A"]);
  await describe("off", ["B"]);
  await describe("gone", ["C"]);
  rmSync(join(paths.extensions, "gone"), { recursive: true });
  await writeJsonAtomic(paths.masterConfig, { extensions: { off: { enabled: false } } });
  expect([...(await catalogue.read()).byName.keys()]).toEqual(["A"]);
  await writeJsonAtomic(paths.masterConfig, { extensions: { notes: {}, off: { enabled: true } } });
  expect([...(await catalogue.read()).byName.keys()]).toEqual(["A", "B"]);
});

test("who was there first keeps a tool's name, whatever the names of the extensions", async () => {
  await describe("aaa", ["SAME"]);
  await describe("zzz", ["SAME"]);
  await writeJsonAtomic(paths.masterConfig, { extensions: { zzz: {}, aaa: {} } });
  expect((await catalogue.read()).byName.get("SAME")?.extension).toBe("zzz");
});

test("the first of two tools of one name is offered, the other is a problem", async () => {
  await describe("aaa", ["SAME"]);
  await describe("bbb", ["SAME", "OTHER"], ['Cannot load "x"']);
  const { byName, problems } = await catalogue.read();
  expect(byName.get("SAME")?.extension).toBe("aaa");
  expect(byName.get("OTHER")?.extension).toBe("bbb");
  expect(problems).toEqual([
    'Extension "bbb": Cannot load "x"',
    'Cannot offer "SAME" of "bbb": "aaa" has a tool of that name already',
  ]);
});

test("a broken description costs only its extension", async () => {
  await describe("notes", ["A"]);
  writeFileSync(paths.toolsFile("broken"), "{");
  mkdirSync(join(paths.extensions, "broken"));
  const { byName, problems } = await catalogue.read();
  expect([...byName.keys()]).toEqual(["A"]);
  expect(problems).toEqual([expect.stringContaining("broken.json")]);
});
