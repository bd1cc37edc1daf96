/** Tests of what of an extension's own settings the configuration takes up. */
import { expect, test } from "bun:test";
import { MasterConfig } from "../contract/config.ts";
import { takeUp } from "./installed.ts";

const server = (name: string, tool_config = {}) => ({
  ...{ name, key_hash: "a".repeat(64), key_hint: "1234" },
  ...{ created_at: "2026-01-01T00:00:00Z", tool_config },
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
