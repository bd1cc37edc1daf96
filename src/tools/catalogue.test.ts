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

test("of two tools of one name the first keeps it; the other is offered under its extension's, and told", async () => {
  await describe("aaa", ["SAME"]);
  await describe("bbb", ["SAME", "OTHER"], ['Cannot load "x"']);
  const { byName, tools, problems } = await catalogue.read();
  expect(byName.get("SAME")?.extension).toBe("aaa");
  expect(byName.get("OTHER")).toMatchObject({ extension: "bbb" });
  expect(byName.get("OTHER")).not.toHaveProperty("own_name");
  const double = { extension: "bbb", name: "bbb__SAME", own_name: "SAME", description: "SAME" };
  expect(byName.get("bbb__SAME")).toMatchObject(double);
  expect(tools).toEqual([...byName.values()]);
  expect(problems).toEqual([
    'Extension "bbb": Cannot load "x"',
    'The tool "SAME" of "bbb" is offered as "bbb__SAME": "aaa" has a tool of that name already',
  ]);
});

test("who comes later changes no name, and a name that somebody has is not given", async () => {
  await describe("aaa", ["SAME"]);
  await describe("bbb", ["SAME"]);
  await describe("ccc", ["SAME", "bbb__SAME", "ccc__SAME"]);
  await writeJsonAtomic(paths.masterConfig, { extensions: { aaa: {}, bbb: {}, ccc: {} } });
  const owners = async () =>
    Object.fromEntries(
      (await catalogue.read()).tools.map(({ name, extension }) => [name, extension]),
    );
  const names = await owners();
  expect(names).toMatchObject({ SAME: "aaa", bbb__SAME: "bbb", ccc__SAME: "ccc" });
  expect(names).toMatchObject({ ccc__bbb__SAME: "ccc" });
  expect(Object.keys(names)).toHaveLength(5);
  // Another process, another time: the same names.
  const again = new ToolCatalogue({ paths, config: new MasterConfigStore(paths.masterConfig) });
  expect((await again.read()).tools.map(({ name }) => name)).toEqual(Object.keys(names));
  await writeJsonAtomic(paths.masterConfig, {
    extensions: { aaa: { enabled: false }, bbb: {}, ccc: {} },
  });
  expect(await owners()).toMatchObject({ SAME: "bbb", bbb__SAME: "ccc" });
});

test("a broken description costs only its extension", async () => {
  await describe("notes", ["A"]);
  writeFileSync(paths.toolsFile("broken"), "{");
  mkdirSync(join(paths.extensions, "broken"));
  const { byName, problems } = await catalogue.read();
  expect([...byName.keys()]).toEqual(["A"]);
  expect(problems).toEqual([expect.stringContaining("broken.json")]);
});
