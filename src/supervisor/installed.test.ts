/** Tests of what of an extension's own settings the configuration takes up. */
import { expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { MasterConfigStore } from "../config/master-config.ts";
import { pathsOf } from "../config/paths.ts";
import { MasterConfig } from "../contract/config.ts";
import { syncInstalled, takeUp } from "./installed.ts";

const server = (name: string, tool_config = {}) => ({
  ...{ name, key_hash: "a".repeat(64), key_hint: "1234" },
  ...{ created_at: "2026-01-01T00:00:00Z", tool_config },
});

test("an extension does not switch its tools on where the owner wants new ones off", () => {
  const servers = { one: server("one") };
  const draft = MasterConfig.parse({ mcp: { new_tools: "off" }, mcp_servers: servers });
  const settings = { enabled_in_mcp: true, passthrough: true };
  const own = { A: settings, B: { enabled_in_mcp: false } };
  takeUp(draft, ["notes"], new Map([["notes", own]]));
  expect(draft.tool_configs).toEqual({ A: { passthrough: true }, B: { enabled_in_mcp: false } });
  expect(draft.mcp_servers["one"]?.tool_config).toEqual({});
});

test("new extensions and tools that nobody has set are taken up; what is set stays", () => {
  const draft = MasterConfig.parse({
    extensions: { off: { enabled: false, source: "github:a/b" } },
    tool_configs: { B: { passthrough: true } },
    mcp_servers: { one: server("one"), two: server("two", { A: { enabled_in_mcp: false } }) },
  });
  const configs = new Map([
    [
      "notes",
      { A: { enabled_in_mcp: true }, B: { enabled_in_mcp: true }, C: { passthrough: true } },
    ],
    ["off", { D: {} }],
  ]);
  takeUp(draft, ["notes", "off"], configs);
  expect(draft.extensions).toEqual({
    off: { enabled: false, source: "github:a/b", config: {} },
    notes: { enabled: true, source: "local", config: {} },
  });
  expect(draft.tool_configs).toEqual({
    ...{ B: { passthrough: true }, A: { enabled_in_mcp: true }, C: { passthrough: true } },
  });
  expect(draft.mcp_servers["one"]?.tool_config).toEqual({ A: { enabled_in_mcp: true } });
  expect(draft.mcp_servers["two"]?.tool_config).toEqual({ A: { enabled_in_mcp: false } });
  const again = structuredClone(draft);
  takeUp(again, ["notes", "off"], configs);
  expect(again).toEqual(draft);
});

test("of two tools of one name each has its own setting", async () => {
  const paths = pathsOf(mkdtempSync(join(tmpdir(), "luna-installed-")));
  const tool = { name: "SAME", description: "", input_schema: { type: "object" } };
  const files = new Map<string, unknown>();
  for (const extension of ["aaa", "bbb"]) {
    const own = `extensions/${extension}`;
    files.set(`${own}/config.json`, { version: "1" });
    files.set(`${own}/tools/tool_config.json`, { SAME: { passthrough: extension === "bbb" } });
    const described = { extension, content_hash: "", system_prompt: "", problems: [] };
    files.set(`.luna/tools/${extension}.json`, { ...described, tools: [tool] });
  }
  for (const [file, content] of files) {
    mkdirSync(join(paths.home, file, ".."), { recursive: true });
    writeFileSync(join(paths.home, file), JSON.stringify(content));
  }
  const config = new MasterConfigStore(paths.masterConfig);
  await syncInstalled({ paths, config });
  expect((await config.read()).tool_configs).toEqual({
    SAME: { passthrough: false },
    bbb__SAME: { passthrough: true },
  });
  await config.update((draft) => {
    draft.tool_configs["bbb__SAME"] = { enabled_in_mcp: false };
  });
  const done = await syncInstalled({ paths, config });
  expect(done).toMatchObject({ synced: ["aaa", "bbb"], skipped: [], problems: [] });
  const own = (extension: string) =>
    readFileSync(join(paths.extensions, extension, "tools/tool_config.json"), "utf8");
  expect(JSON.parse(own("aaa"))).toEqual({ SAME: { passthrough: false } });
  expect(JSON.parse(own("bbb"))).toEqual({ SAME: { enabled_in_mcp: false } });
  rmSync(paths.home, { recursive: true });
});
