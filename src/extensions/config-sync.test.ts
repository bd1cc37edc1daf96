/** Tests of config sync over an extension in a temporary folder. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ExtensionEntry, type ToolSettings } from "../contract/config.ts";
import { UnavailableError } from "../lib/errors.ts";
import { type SyncSource, syncExtension } from "./config-sync.ts";
import { contentHash } from "./content-hash.ts";
import { discoverExtensions } from "./discovery.ts";

const NOW = new Date("2026-01-09T12:00:00Z");
let root: string;
let folder: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "luna-sync-"));
  folder = join(root, "notes");
  mkdirSync(join(folder, "tools"), { recursive: true });
});
afterEach(() => rmSync(root, { recursive: true }));

const put = (file: string, text: string) => writeFileSync(join(folder, file), text);
const text = (file: string) => readFileSync(join(folder, file), "utf8");

type Given = Partial<Pick<SyncSource, "write">> & { tool_configs?: Record<string, ToolSettings> };

async function sync(entry: object = {}, { tool_configs = {}, ...more }: Given = {}) {
  const { extensions } = await discoverExtensions(root);
  const [extension] = extensions;
  if (extension === undefined) throw new Error("The extension was not found");
  const toolSettings = (name: string) => tool_configs[name];
  const source = { entry: ExtensionEntry.parse(entry), toolSettings, now: NOW, ...more };
  return syncExtension(extension, source);
}

const DONE = { state: "synced", problems: [] } as const;

test("without a manifest, or with an empty one, there is nothing to write", async () => {
  const skipped = { state: "skipped", problems: [] } as const;
  expect(await sync()).toEqual(skipped);
  put("config.json", "{}");
  expect(await sync()).toEqual(skipped);
  expect(text("config.json")).toBe("{}");
});

test("a missing version is today's, one that is there stays, and enabled and source follow", async () => {
  put("config.json", '{\n\t"name": "notes",\n\t"own": 1e2\n}\n');
  expect(await sync({ enabled: false, source: "github:a/b", config: { version: "9" } })).toEqual(
    DONE,
  );
  expect(text("config.json")).toBe(
    '{\n\t"name": "notes",\n\t"own": 1e2,\n\t"version": "01-09-26",\n\t"enabled": false,\n\t"source": "github:a/b"\n}\n',
  );
  put("config.json", '{"version":"1.0.0","enabled":true,"source":"local"}');
  expect(await sync({ config: { version: "9" } })).toEqual(DONE);
  expect(text("config.json")).toBe('{"version":"1.0.0","enabled":true,"source":"local"}');
  put("config.json", '{"version":""}');
  expect(await sync()).toEqual(DONE);
  expect(JSON.parse(text("config.json")).version).toBe("01-09-26");
});

test("only settings that the manifest has are written, and the rest of it stays as it is written", async () => {
  const before =
    '{ "version": "1", "enabled": true, "source": "local",\n' +
    '  "big": 12345678901234567890, "deep": {"a": [1,  2]}, "theme": "light", "limit": 3 }\n';
  put("config.json", before);
  const config = { theme: "dark", limit: 3.0, deep: { b: null }, unheard: true };
  expect(await sync({ config })).toEqual(DONE);
  const after = text("config.json");
  expect(after).toContain("12345678901234567890");
  expect(JSON.parse(after)).toMatchObject({ theme: "dark", limit: 3, deep: { b: null } });
  expect(after).not.toContain("unheard");
});

test("nothing is written where nothing differs, also not in another mode", async () => {
  put("config.json", '{"theme":"light"}');
  put("tools/tool_config.json", '{"A":{"passthrough":true}}');
  const given = { tool_configs: { A: { enabled_in_mcp: false }, B: {} } };
  expect(await sync({ config: { theme: "dark" } }, given)).toEqual(DONE);
  const files = ["config.json", "tools/tool_config.json"];
  const stamps = () =>
    files
      .map((file) => statSync(join(folder, file), { bigint: true }))
      .map(({ mtimeNs, ino, mode }) => `${mtimeNs} ${ino} ${mode}`);
  const before = stamps();
  const write = () => Promise.reject(new Error("something was written"));
  expect(await sync({ config: { theme: "dark" } }, { ...given, write })).toEqual(DONE);
  expect(stamps()).toEqual(before);
});

test("a tool that both know is set in the extension's file as the configuration has it", async () => {
  put("config.json", '{"version":"1","enabled":true,"source":"local"}');
  put("tools/tool_config.json", '{\n  "A": {"passthrough": true},\n  "B": {}\n}\n');
  const tool_configs = { A: { enabled_in_mcp: false }, C: { enabled_in_mcp: true } };
  expect(await sync({}, { tool_configs })).toEqual(DONE);
  expect(JSON.parse(text("tools/tool_config.json"))).toEqual({
    A: { enabled_in_mcp: false },
    B: {},
  });
});

test("what sync writes makes no description of tools stale, and a setting of the extension's does", async () => {
  put("tools/a_tools.ts", "export const TOOLS = [];");
  put("config.json", '{"theme":"light"}');
  put("tools/tool_config.json", '{"A":{}}');
  const before = await contentHash(folder);
  await sync({ source: "github:a/b" }, { tool_configs: { A: { passthrough: true } } });
  expect(text("config.json")).toContain("github:a/b");
  expect(text("tools/tool_config.json")).toContain("passthrough");
  expect(await contentHash(folder)).toBe(before);
  await sync({ source: "github:a/b", config: { theme: "dark" } });
  expect(await contentHash(folder)).not.toBe(before);
});

test("a file that cannot be written is a problem, and costs no other", async () => {
  put("config.json", '{"theme":"light"}');
  put("tools/tool_config.json", '{"A":{}}');
  const written: string[] = [];
  const write = (path: string) => {
    if (path.endsWith("/config.json")) return Promise.reject(new UnavailableError("read-only"));
    written.push(path);
    return Promise.resolve();
  };
  const done = await sync({}, { tool_configs: { A: { passthrough: true } }, write });
  expect(done).toMatchObject({
    state: "synced",
    problems: [{ extension: "notes", file: "config.json", message: "read-only" }],
  });
  expect(written).toEqual([join(folder, "tools/tool_config.json")]);
});

test("a setting that the manifest could not have is a problem that names the field, and is not written", async () => {
  for (const [config, field] of [
    [{ ui: { strip_prefix: "yes" } }, "ui.strip_prefix"],
    [{ required_secrets: ["LUNA_SECRET"] }, "required_secrets[0]"],
  ] as const) {
    const before = '{"version":"1","ui":{},"required_secrets":[]}';
    put("config.json", before);
    const { problems } = await sync({ config });
    expect(problems).toMatchObject([{ file: "config.json", field }]);
    expect(text("config.json")).toBe(before);
  }
});

test("nothing is written through a link", async () => {
  const elsewhere = join(root, "elsewhere.json");
  writeFileSync(elsewhere, '{"theme":"light"}');
  symlinkSync(elsewhere, join(folder, "config.json"));
  const { problems } = await sync({ config: { theme: "dark" } });
  expect(problems).toMatchObject([{ file: "config.json" }]);
  expect(problems[0]?.message).toContain("link");
  expect(readFileSync(elsewhere, "utf8")).toBe('{"theme":"light"}');
});
