/** Discovery and manifests over folders in a temporary home. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { discoverExtensions } from "./discovery.ts";
import { isAllowedSecret, secretsFor } from "./secrets.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "luna-extensions-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

function extension(name: string, manifest?: unknown, inside = "tools"): void {
  mkdirSync(join(folder, name, inside), { recursive: true });
  if (manifest === undefined) return;
  const text = typeof manifest === "string" ? manifest : JSON.stringify(manifest);
  writeFileSync(join(folder, name, "config.json"), text);
}

test("no folder is no extensions", async () => {
  expect(await discoverExtensions(join(folder, "none"))).toEqual({
    ...{ extensions: [], broken: [], problems: [] },
  });
});

test("extensions are found in the order of their names, with or without a manifest", async () => {
  extension("notes");
  const secrets = ["CALENDAR_KEY", { name: "CALENDAR_URL", default: "http://x" }];
  extension("calendar", { required_secrets: secrets, theme: "dark" }, "ui");
  writeFileSync(join(folder, "README.md"), "");
  mkdirSync(join(folder, ".calendar.tmp"));
  symlinkSync(join(folder, "nowhere"), join(folder, "broken-link"));
  const { extensions, problems } = await discoverExtensions(folder);
  expect(problems).toEqual([]);
  expect(extensions).toMatchObject([
    {
      name: "calendar",
      has_tools: false,
      manifest: {
        required_secrets: [{ name: "CALENDAR_KEY" }, { name: "CALENDAR_URL", default: "http://x" }],
        theme: "dark",
      },
    },
    {
      name: "notes",
      path: join(folder, "notes"),
      has_tools: true,
      manifest: { required_secrets: [], version: "", auto_update: false },
    },
  ]);
});

test.each([
  ["a field of the wrong kind", { required_secrets: "KEY" }, "required_secrets", ""],
  ["a key that is no name", { required_secrets: ["a b"] }, "required_secrets[0].name", ""],
  ["a key of Luna's own", { required_secrets: ["A", "LUNA_SECRET"] }, "required_secrets[1]", ""],
  ["a field deep inside", { ui: { strip_prefix: "no" } }, "ui.strip_prefix", ""],
  ["broken JSON", '{\n"version": "1",\n!\n}', undefined, "line 3"],
])("%s costs that extension, and names file and field", async (_, manifest, field, text) => {
  extension("good");
  extension("bad", manifest);
  const { extensions, problems } = await discoverExtensions(folder);
  expect(extensions.map(({ name }) => name)).toEqual(["good"]);
  expect(problems).toMatchObject([{ extension: "bad", file: "config.json" }]);
  expect(problems[0]?.field).toBe(field);
  expect(problems[0]?.message).toContain(join(folder, "bad/config.json"));
  expect(problems[0]?.message).toContain(field ?? text);
});

test("a folder whose name cannot be an extension's is a problem", async () => {
  extension("Notes");
  extension("agent");
  extension("mcp-notes");
  const { extensions, broken, problems } = await discoverExtensions(folder);
  expect(extensions).toEqual([]);
  expect(broken).toEqual(["Notes", "agent", "mcp-notes"]);
  expect(problems).toHaveLength(3);
  expect(problems[0]).toMatchObject({ extension: "Notes", file: "" });
  expect(problems[0]?.message).toContain(join(folder, "Notes"));
});

test("a folder with nothing of an extension's in it is none, and no problem", async () => {
  mkdirSync(join(folder, "empty"));
  extension("only_ui", undefined, "ui");
  const { extensions, broken, problems } = await discoverExtensions(folder);
  expect(extensions.map(({ name }) => name)).toEqual(["only_ui"]);
  expect([...broken, ...problems]).toEqual([]);
});

test("a manifest with another name is told, and the folder's name counts", async () => {
  extension("notes", { name: "diary" });
  const { extensions, problems } = await discoverExtensions(folder);
  expect(extensions.map(({ name }) => name)).toEqual(["notes"]);
  expect(problems).toMatchObject([{ extension: "notes", file: "config.json", field: "name" }]);
  expect(problems[0]?.message).toContain('"diary"');
});

test("an extension gets the secrets it names, that are set, and that it may have", () => {
  const names = ["A_KEY", "EMPTY", "UNSET", "LUNA_SECRET", "BUN_OPTIONS"];
  const manifest = { required_secrets: names.map((name) => ({ name })) };
  const values = { A_KEY: "a", EMPTY: "", LUNA_SECRET: "root", BUN_OPTIONS: "-e", OTHER: "o" };
  expect(secretsFor(manifest, values)).toEqual({ A_KEY: "a" });
  expect(["PATH", "LD_PRELOAD", "NODE_OPTIONS"].some(isAllowedSecret)).toBe(false);
  expect(["OPENAI_API_KEY", "DB_PASSWORD", "PATHFINDER_KEY"].every(isAllowedSecret)).toBe(true);
});
