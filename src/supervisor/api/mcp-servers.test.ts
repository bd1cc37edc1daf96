/** Named MCP servers over the control API's routes: what changes, what stays, and what is told of it. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Hono } from "hono";
import { MemoryTrail } from "../../../tests/support/memory-trail.ts";
import { MasterConfigStore } from "../../config/master-config.ts";
import { ChangedMcpServer, McpServerKey, McpServerTools } from "../../contract/mcp-servers.ts";
import { onError } from "../../lib/app.ts";
import { createLogger } from "../../lib/log.ts";
import { hashSecret } from "../../lib/secret.ts";
import { McpServers } from "../mcp-servers.ts";
import { mcpServersRoutes } from "./mcp-servers.ts";

const TOOLS = [
  { name: "NOTES_write", extension: "notes", description: "Writes" },
  { name: "CLOCK_now", extension: "clock", description: "Tells" },
  { name: "NOTES_read", extension: "notes", description: "Reads" },
];

let folder: string;
let config: MasterConfigStore;
let audit: MemoryTrail;
let app: Hono;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "luna-mcp-servers-"));
  config = new MasterConfigStore(join(folder, "master_config.json"));
  audit = new MemoryTrail();
  const publicUrl = "https://luna.example";
  const mcpServers = new McpServers({ config, publicUrl, tools: async () => TOOLS });
  const caller = { actor: { kind: "owner", name: "ada" }, address: null } as const;
  app = new Hono()
    .onError(onError(createLogger("test", [], () => undefined)))
    .route("/mcp-servers", mcpServersRoutes({ mcpServers, audit, callerOf: () => caller }));
});
afterEach(() => rmSync(folder, { recursive: true }));

async function ask(method: string, path: string, body?: unknown) {
  const answer = await app.request(`/mcp-servers${path}`, {
    method,
    ...(body === undefined
      ? {}
      : { headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) }),
  });
  return { status: answer.status, body: await answer.json() };
}

const create = async (name: string) =>
  McpServerKey.parse((await ask("POST", "/create", { name })).body);
const serverIn = async (name: string) => (await config.read()).mcp_servers[name];
const on = async (name: string) =>
  McpServerTools.parse((await ask("GET", `/${name}/tools`)).body)
    .tools.filter((tool) => tool.enabled_in_mcp)
    .map((tool) => tool.name);

test("a server under another name keeps its key, its id and its place", async () => {
  const { api_key } = await create("one");
  await create("two");
  const before = await serverIn("one");
  const changed = ChangedMcpServer.parse((await ask("PATCH", "/one", { name: "first" })).body);
  expect(changed.server).toMatchObject({ url: "https://luna.example/api/mcp-first/mcp" });
  expect(Object.keys((await config.read()).mcp_servers)).toEqual(["first", "two"]);
  expect(await serverIn("first")).toEqual({ ...before, name: "first" } as never);
  expect((await serverIn("first"))?.key_hash).toBe(hashSecret(api_key));
  expect((await ask("PATCH", "/one", { enabled: false })).status).toBe(404);
  expect((await ask("PATCH", "/first", { name: "two" })).status).toBe(409);
  for (const name of ["", "a/b", "..", "__proto__", 1]) {
    expect((await ask("PATCH", "/first", { name })).status).toBe(422);
  }
});

test("a server of an earlier version is known by its first name, which nobody else then gets", async () => {
  await create("old");
  await config.update(({ mcp_servers }) => {
    delete mcp_servers["old"]?.id;
  });
  await ask("PATCH", "/old", { name: "new" });
  await create("old");
  expect((await serverIn("new"))?.id).toBe("old");
  expect((await serverIn("old"))?.id).not.toBe("old");
});

test("tools are chosen one by one, by extension, and as a whole", async () => {
  await create("work");
  const all = ["CLOCK_now", "NOTES_read", "NOTES_write"];
  expect(await on("work")).toEqual(all);
  const [yes, no] = [{ enabled_in_mcp: true }, { enabled_in_mcp: false }];
  await ask("PATCH", "/work", {
    extension_updates: { notes: no },
    tool_updates: { NOTES_read: yes },
  });
  expect(await on("work")).toEqual(["CLOCK_now", "NOTES_read"]);
  await config.update((draft) => {
    draft.tool_configs["CLOCK_now"] = no;
  });
  expect(await on("work")).toEqual(["NOTES_read"]);
  await ask("PATCH", "/work", { tool_config: {} });
  expect(await on("work")).toEqual(["NOTES_read", "NOTES_write"]);
  const unknown = await ask("PATCH", "/work", { extension_updates: { nothing: yes } });
  expect(unknown).toMatchObject({ status: 422 });
  const listed = await ask("GET", "/work/tools");
  expect(McpServerTools.parse(listed.body).tools[0]).toEqual({
    ...{ name: "CLOCK_now", enabled_in_mcp: false, source: "ext:clock", description: "Tells" },
  });
});

test("tools that nobody has decided on are as the owner wants new ones to be", async () => {
  await create("work");
  await config.update((draft) => {
    draft.mcp.new_tools = "off";
    draft.tool_configs["NOTES_read"] = { enabled_in_mcp: true };
  });
  expect(await on("work")).toEqual(["NOTES_read"]);
  await ask("PATCH", "/work", { tool_updates: { CLOCK_now: { enabled_in_mcp: true } } });
  expect(await on("work")).toEqual(["CLOCK_now", "NOTES_read"]);
});

test("a new key ends the old one, at once or after a grace", async () => {
  const { api_key } = await create("work");
  const hash = hashSecret(api_key);
  await ask("POST", "/work/regenerate-key", { grace_s: 60 });
  const kept = await serverIn("work");
  expect(kept?.previous_hash).toBe(hash);
  expect(Date.parse(kept?.previous_expires_at ?? "")).toBeGreaterThan(Date.now() + 50_000);
  await ask("POST", "/work/regenerate-key");
  expect(await serverIn("work")).toMatchObject({ previous_hash: null, previous_expires_at: null });
  expect((await ask("POST", "/work/regenerate-key", { grace_s: -1 })).status).toBe(422);
});

test("each change is told, with what was changed and no key", async () => {
  const { api_key } = await create("work");
  const choice = { CLOCK_now: { enabled_in_mcp: false } };
  await ask("PATCH", "/work", { name: "job", enabled: false, tool_updates: choice });
  await ask("POST", "/job/regenerate-key", { grace_s: 5 });
  await ask("DELETE", "/job");
  await ask("DELETE", "/job");
  const told = audit.events.map(({ action, target, outcome, details }) => ({
    ...{ action, target, outcome, details },
  }));
  const details = { name: "job", enabled: false, tool_updates: ["CLOCK_now"] };
  expect(told).toEqual([
    { action: "mcp_server.create", target: "work", outcome: "ok", details: undefined },
    { action: "mcp_server.change", target: "work", outcome: "ok", details },
    { action: "mcp_server.regenerate_key", target: "job", outcome: "ok", details: { grace_s: 5 } },
    { action: "mcp_server.delete", target: "job", outcome: "ok", details: undefined },
    {
      ...{ action: "mcp_server.delete", target: "job", outcome: "failed" },
      details: { reason: expect.stringContaining("Cannot find the MCP server") },
    },
  ]);
  expect(JSON.stringify(audit.events)).not.toContain(api_key);
});
