/** What a named API key opens of the MCP servers, with the MCP SDK's own client over real HTTP. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import type { Server } from "bun";
import { type KeysHarness, NO_OAUTH, startKeys } from "../../../tests/support/api-keys.ts";
import { catalogueOf, toolSource } from "../../../tests/support/tool-source.ts";
import type { KeyScopes } from "../../contract/api-keys.ts";
import { McpServer } from "../../contract/config.ts";
import { ErrorBody } from "../../contract/error.ts";
import { generateSecret, hashSecret } from "../../lib/secret.ts";
import { serve } from "../../lib/serve.ts";
import { createMcpApp } from "./app.ts";
import type { Catalogue } from "./tool-source.ts";

const OWN_KEY = "sk-luna-mcp-of-work";
const OWNER = generateSecret();

const tool = (name: string, readOnlyHint?: boolean): Catalogue["tools"][number] => ({
  name,
  description: name,
  input_schema: { type: "object" },
  extension: name.split("_")[0]?.toLowerCase() ?? "",
  ...(readOnlyHint === undefined ? {} : { annotations: { readOnlyHint } }),
});
const CATALOGUE = catalogueOf({
  tools: [
    tool("NOTES_GET_all", true),
    tool("NOTES_UPDATE_create"),
    tool("BANK_GET_balance", true),
    tool("NOTES_off", true),
  ],
  system_prompts: [{ extension: "bank", text: "On money." }],
});
const ON = ["NOTES_GET_all", "NOTES_UPDATE_create", "BANK_GET_balance"];

const mcpServer = (name: string, key: string, more: object = {}) =>
  McpServer.parse({
    name,
    key_hash: hashSecret(key),
    key_hint: "",
    created_at: "2026-01-01T00:00:00.000Z",
    tool_config: { NOTES_off: { enabled_in_mcp: false } },
    ...more,
  });

let keys: KeysHarness;
let server: Server<undefined>;
const clients: Client[] = [];
const ran: string[] = [];

beforeEach(async () => {
  keys = await startKeys();
  ran.length = 0;
  keys.settings.config.mcp_servers = {
    work: mcpServer("work", OWN_KEY),
    my_home: mcpServer("my_home", "sk-luna-mcp-of-home"),
  };
  const app = createMcpApp({
    config: { read: async () => keys.settings.config },
    tools: toolSource(
      async () => CATALOGUE,
      async (call) => {
        ran.push(call.tool);
        return { success: true, payload: "done" };
      },
    ),
    ...{ gate: keys.gate, oauth: NO_OAUTH, ownerToken: OWNER, log: keys.log },
  });
  server = serve({ fetch: app.fetch, listen: { port: 0 } });
});
afterEach(async () => {
  for (const client of clients.splice(0)) await client.close();
  await server.stop(true);
  await keys.remove();
});

const at = (name: string): URL => new URL(`/api/mcp-${name}/mcp`, server.url);

async function connect(key: string, name = "work"): Promise<Client> {
  const client = new Client({ name: "test", version: "1" });
  clients.push(client);
  const requestInit = { headers: { Authorization: `Bearer ${key}` } };
  await client.connect(new StreamableHTTPClientTransport(at(name), { requestInit }));
  return client;
}

function postBody(key: string, name: string, body: unknown, headers = {}) {
  return fetch(at(name), {
    method: "POST",
    headers: {
      "X-API-Key": key,
      "Content-Type": "application/json",
      Accept: "application/json, text/event-stream",
      ...headers,
    },
    body: JSON.stringify(body),
  });
}

const post = (key: string, name = "work", message: object = { method: "ping" }) =>
  postBody(key, name, { jsonrpc: "2.0", id: 1, ...message });

const postBatch = (key: string, messages: object[], headers = {}) =>
  postBody(
    key,
    "work",
    messages.map((message, id) => ({ jsonrpc: "2.0", id, ...message })),
    headers,
  );

async function refusal(answer: Response | Promise<Response>) {
  const { status, headers } = await answer;
  const { code, message } = ErrorBody.parse(await (await answer).json()).error;
  return { status, code, message, challenge: headers.get("WWW-Authenticate") };
}

async function keyWith(scopes: Partial<KeyScopes>): Promise<string> {
  const all: KeyScopes = { agents: [], mcp_servers: "all", tools: "all", read_only: false };
  return (await keys.create("CI", { scopes: { ...all, ...scopes } })).api_key;
}

const INSUFFICIENT = {
  ...{ status: 403, code: "insufficient_scope" },
  challenge: 'Bearer error="insufficient_scope"',
};

describe("servers", () => {
  test("a named key opens those of its scope beside their own keys", async () => {
    const key = await keyWith({ mcp_servers: ["my_home"] });
    for (const name of ["my_home", "my-home"]) {
      const { tools } = await (await connect(key, name)).listTools();
      expect(tools.map((one) => one.name)).toEqual(ON);
    }
    const { message, ...other } = await refusal(post(key, "work"));
    expect(other).toEqual(INSUFFICIENT);
    expect(message).toContain('its scope needs the MCP server "work"');
    // It is not told which others there are.
    expect(await refusal(post(key, "nope"))).toMatchObject(INSUFFICIENT);
    expect((await post(OWN_KEY)).status).toBe(200);
    expect((await post(OWNER)).status).toBe(200);
    expect((await post(OWN_KEY, "my_home")).status).toBe(401);
  });

  test("it follows its servers to new names, and opens no later one of an old name", async () => {
    const key = await keyWith({ mcp_servers: ["my_home"] });
    const { config } = keys.settings;
    const { my_home, ...others } = config.mcp_servers;
    const later = mcpServer("my_home", "sk-luna-mcp-of-later", { id: "later" });
    const moved = { ...my_home, id: "my_home", name: "house" };
    config.mcp_servers = { ...others, house: McpServer.parse(moved), my_home: later };
    expect((await post(key, "house")).status).toBe(200);
    expect(await refusal(post(key, "my_home"))).toMatchObject(INSUFFICIENT);
    const shown = async () => (await keys.apiKeys.list()).keys[0]?.scopes.mcp_servers;
    expect(await shown()).toEqual(["house"]);
    config.mcp_servers = { ...others, my_home: later };
    expect(await refusal(post(key, "house"))).toMatchObject(INSUFFICIENT);
    expect(await shown()).toEqual([]);
  });

  test("for all servers it opens each that is there and on", async () => {
    const key = await keyWith({});
    expect((await post(key, "work")).status).toBe(200);
    const missing = await refusal(post(key, "nope"));
    expect(missing.status).toBe(404);
    expect(missing.message).not.toContain("my_home");
    keys.settings.config.mcp_servers["work"] = mcpServer("work", OWN_KEY, { enabled: false });
    expect((await post(key, "work")).status).toBe(404);
  });

  test("AGENT_API_KEY and keys for agents alone open none", async () => {
    await keys.apiKeys.setAgentKey("sk-luna-of-env", 0);
    const key = await keyWith({ agents: "all", mcp_servers: [] });
    for (const one of ["sk-luna-of-env", key]) {
      expect(await refusal(post(one))).toMatchObject(INSUFFICIENT);
    }
  });

  test("what is revoked is unknown with the next request, of a client that is connected as well", async () => {
    const { api_key, key } = await keys.create("CI");
    const client = await connect(api_key);
    await client.listTools();
    await keys.apiKeys.revoke(key.id);
    await expect(client.listTools()).rejects.toThrow("unauthorized");
    expect(await refusal(post(api_key))).toEqual(await refusal(post("sk-luna-never-made")));
  });
});

describe("tools", () => {
  const cases: [string, Partial<KeyScopes>, string[]][] = [
    ["all", {}, ON],
    ["none", { tools: [] }, []],
    ["some by pattern", { tools: ["*_GET_*"] }, ["NOTES_GET_all", "BANK_GET_balance"]],
    ["those that say they only read", { read_only: true }, ["NOTES_GET_all", "BANK_GET_balance"]],
    ["of both what both allow", { tools: ["NOTES_*"], read_only: true }, ["NOTES_GET_all"]],
    ["never one that the server has off", { tools: ["NOTES_off"] }, []],
  ];
  for (const [what, scopes, expected] of cases) {
    test(`${what}: listed and called are ${expected.join(", ") || "none"}`, async () => {
      const key = await keyWith(scopes);
      const client = await connect(key);
      const { tools } = await client.listTools();
      expect(tools.map(({ name }) => name)).toEqual(expected);
      const speaksOfMoney = expected.includes("BANK_GET_balance");
      expect(client.getInstructions() !== undefined).toBe(speaksOfMoney);
      for (const name of ON) {
        if (expected.includes(name)) await client.callTool({ name });
        else await expect(client.callTool({ name })).rejects.toThrow("insufficient_scope");
      }
      expect(ran).toEqual(expected);
    });
  }

  test("a refusal says what is missing, and not which tools there are", async () => {
    const call = (key: string, name: string) =>
      post(key, "work", { method: "tools/call", params: { name } });
    const key = await keyWith({ tools: ["NOTES_*"] });
    for (const name of ["BANK_GET_balance", "NO_SUCH"]) {
      const { message, ...rest } = await refusal(call(key, name));
      expect(rest).toEqual(INSUFFICIENT);
      expect(message).toContain(`its scope needs the tool "${name}"`);
    }
    for (const name of ["NOTES_none", "NOTES_off"]) {
      const answer = await call(key, name);
      expect(await answer.json()).toMatchObject({ error: { message: `Unknown tool: ${name}` } });
    }
    await keys.apiKeys.revoke((await keys.apiKeys.list()).keys[0]?.id ?? "");
    const reading = await keyWith({ read_only: true });
    const { message } = await refusal(call(reading, "NOTES_UPDATE_create"));
    expect(message).toContain("tools that may change things (it is read-only)");
  });

  test("what one key is offered another one is not", async () => {
    const [narrow, wide] = await Promise.all([
      keys.create("narrow", {
        scopes: { agents: [], mcp_servers: "all", tools: ["BANK_*"], read_only: false },
      }),
      keys.create("wide"),
    ]);
    const names = async (key: string) =>
      (await (await connect(key)).listTools()).tools.map(({ name }) => name);
    for (let round = 0; round < 2; round += 1) {
      expect(await names(narrow.api_key)).toEqual(["BANK_GET_balance"]);
      expect(await names(wide.api_key)).toEqual(ON);
      expect(await names(OWN_KEY)).toEqual(ON);
    }
  });
});

describe("limits", () => {
  test("named keys and the servers' own have theirs, each for itself; the owner has none", async () => {
    const once = { requests: 1, window_s: 30 };
    const { api_key } = await keys.create("CI", { rate_limit: once });
    keys.settings.config.rate_limits.mcp_server_key = once;
    for (const key of [api_key, OWN_KEY]) {
      const first = await post(key);
      expect(first.status).toBe(200);
      expect(first.headers.get("RateLimit-Policy")).toBe('"key";q=1;w=30');
      expect(first.headers.get("RateLimit")).toBe('"key";r=0;t=30');
      const second = await post(key);
      expect(second.headers.get("Retry-After")).toBe("30");
      expect(await refusal(second)).toMatchObject({ status: 429, code: "rate_limited" });
    }
    expect((await post("sk-luna-mcp-of-home", "my_home")).status).toBe(200);
    for (let round = 0; round < 3; round += 1) expect((await post(OWNER)).status).toBe(200);
  });
});

describe("batches", () => {
  const ping = { method: "ping" };

  test("each message of one counts against the limit", async () => {
    const { api_key } = await keys.create("CI", { rate_limit: { requests: 5, window_s: 50 } });
    const first = await postBatch(api_key, [ping, ping, ping]);
    expect(await first.json()).toHaveLength(3);
    expect(first.headers.get("RateLimit")).toBe('"key";r=2;t=10');
    expect(await refusal(postBatch(api_key, [ping, ping, ping]))).toMatchObject({
      ...{ status: 429, code: "rate_limited" },
      message: expect.stringContaining("try again in 10 s"),
    });
    keys.time.now += 50_000;
    expect(await refusal(postBatch(api_key, Array(6).fill(ping)))).toMatchObject({
      ...{ status: 429, code: "rate_limited" },
      message: expect.stringContaining("send fewer at once"),
    });
    keys.time.now += 50_000;
    expect((await postBatch(api_key, Array(5).fill(ping))).status).toBe(200);
    keys.settings.config.rate_limits.mcp_server_key = { requests: 2, window_s: 20 };
    expect((await postBatch(OWN_KEY, [ping, ping, ping])).status).toBe(429);
    expect((await postBatch(OWNER, Array(50).fill(ping))).status).toBe(200);
  });

  test("the tool of each call in one is looked at", async () => {
    const key = await keyWith({ tools: ["NOTES_*"] });
    const call = (name: string) => ({ method: "tools/call", params: { name, arguments: {} } });
    const both = [call("NOTES_GET_all"), call("BANK_GET_balance")];
    const { message, ...rest } = await refusal(postBatch(key, both));
    expect(rest).toEqual(INSUFFICIENT);
    expect(message).toContain('its scope needs the tool "BANK_GET_balance"');
    expect(ran).toEqual([]);
    expect((await postBatch(key, both.slice(0, 1))).status).toBe(200);
    expect(ran).toEqual(["NOTES_GET_all"]);
  });

  test("only the revision that has them takes them", async () => {
    const initialize = (protocolVersion: string) => ({
      method: "initialize",
      params: { protocolVersion, capabilities: {}, clientInfo: { name: "t", version: "1" } },
    });
    const statusOf = async (headers: object) => {
      const answer = await postBatch(OWN_KEY, [ping, ping], headers);
      if (answer.status === 200) return 200;
      expect(await answer.json()).toMatchObject({
        error: { code: -32600, message: expect.stringContaining("send each message by itself") },
      });
      return answer.status;
    };
    for (const [version, status] of [
      ["2024-11-05", 400],
      ["2025-03-26", 200],
      ["2025-06-18", 400],
      ["2025-11-25", 400],
    ] as const) {
      expect(await statusOf({ "MCP-Protocol-Version": version })).toBe(status);
      const begun = await post(OWN_KEY, "work", initialize(version));
      await begun.text();
      const session = begun.headers.get("Mcp-Session-Id");
      // What was agreed on counts, not what the request says.
      expect(await statusOf({ "Mcp-Session-Id": session })).toBe(status);
    }
    expect(await statusOf({ "MCP-Protocol-Version": "2026-07-28" })).toBe(400);
    expect(await statusOf({})).toBe(200);
  });
});
