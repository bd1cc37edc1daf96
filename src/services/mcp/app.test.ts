/** The MCP service over real HTTP, with the MCP SDK's own client. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import type { Server } from "bun";
import { NO_OAUTH, noKeys } from "../../../tests/support/api-keys.ts";
import { catalogueOf, toolSource } from "../../../tests/support/tool-source.ts";
import { until } from "../../../tests/support/until.ts";
import { VERSION } from "../../config/version.ts";
import { MasterConfig, McpServer } from "../../contract/config.ts";
import { ErrorBody } from "../../contract/error.ts";
import type { ToolResult } from "../../contract/tool.ts";
import { NotFoundError, UnavailableError } from "../../lib/errors.ts";
import { generateSecret, hashSecret } from "../../lib/secret.ts";
import { serve } from "../../lib/serve.ts";
import { createMcpApp } from "./app.ts";

const KEY = "sk-luna-work";
const OTHER_KEY = "sk-luna-other";
const OWNER = generateSecret();
const HEADERS = {
  "Content-Type": "application/json",
  Accept: "application/json, text/event-stream",
};

type Run = (
  args: Record<string, unknown>,
  signal: AbortSignal | undefined,
) => ToolResult | Promise<ToolResult>;

const ok = (payload: unknown): ToolResult => ({ success: true, payload });
const RUNS: Record<string, Run> = {
  echo: (args) => ok(args),
  text: () => ok("as it is"),
  list: () => ok([1, { a: 2 }]),
  nothing: () => ok(undefined),
  fail: () => ({ success: false, payload: 'Cannot run "fail": it always does' }),
  down: () => Promise.reject(new UnavailableError('Cannot run "down": its host does not start')),
  bug: () => Promise.reject(new TypeError("secret inner text")),
  gone: () => Promise.reject(new NotFoundError("Cannot find it")),
  hidden: () => ok("never"),
  off: () => ok("never"),
  slow: (args, signal) =>
    new Promise((_resolve, reject) => {
      started.push(args);
      signal?.addEventListener("abort", () => {
        stopped.push(args);
        reject(signal.reason);
      });
    }),
};
const CATALOGUE = catalogueOf({
  tools: Object.keys(RUNS).map((name) => ({
    name,
    description: `Does ${name}`,
    input_schema: {
      type: "object",
      properties: { value: { anyOf: [{ type: "string" }, { type: "null" }] } },
      additionalProperties: false,
    },
    annotations: { readOnlyHint: true },
    extension: name === "hidden" ? "secretive" : "demo",
  })),
  system_prompts: [
    { extension: "demo", text: "Use echo to test." },
    { extension: "secretive", text: "Nobody sees this." },
  ],
});

const entry = (name: string, key: string, more: object = {}) => ({
  name,
  key_hash: hashSecret(key),
  key_hint: key.slice(-4),
  created_at: "2026-01-01T00:00:00.000Z",
  ...more,
});
const CONFIG = MasterConfig.parse({
  mcp_servers: {
    my_work: entry("my_work", KEY, { tool_config: { hidden: { enabled_in_mcp: false } } }),
    other: entry("other", OTHER_KEY),
    asleep: entry("asleep", KEY, { enabled: false }),
    "a_b-c": entry("a_b-c", KEY),
    "a-b_c": entry("a-b_c", KEY),
  },
  tool_configs: { off: { enabled_in_mcp: false } },
});

let started: object[] = [];
let stopped: object[] = [];
let logged: string[] = [];
let config: MasterConfig | undefined = CONFIG;
let server: Server<undefined>;
const clients: Client[] = [];

const TOOLS = toolSource(
  async () => CATALOGUE,
  async (request) => {
    const run = RUNS[request.tool];
    if (run === undefined) throw new Error("The service must not ask for what is not offered");
    return run(request.arguments, request.signal);
  },
);

function start(port = 0): void {
  const write = (message: string, facts?: object): void => {
    logged.push(JSON.stringify({ message, ...facts }));
  };
  const app = createMcpApp({
    config: {
      read: async () => {
        if (config === undefined) throw new Error("/home/x/.luna/master_config.json: line 3");
        return config;
      },
    },
    tools: TOOLS,
    gate: noKeys(),
    oauth: NO_OAUTH,
    ownerToken: OWNER,
    limits: { goneMs: 100 },
    log: { debug: write, info: write, warn: write, error: write },
  });
  server = serve({ fetch: app.fetch, listen: { port } });
}

beforeEach(() => {
  started = [];
  stopped = [];
  logged = [];
  config = CONFIG;
  start();
});

afterEach(async () => {
  for (const client of clients.splice(0)) await client.close();
  await server.stop(true);
});

const at = (path: string): string => new URL(path, server.url).href;

interface ConnectOptions {
  path?: string;
  headers?: Record<string, string>;
}

async function connect(options: ConnectOptions = {}): Promise<Client> {
  const { path = "/api/mcp-my_work/mcp", headers = { Authorization: `Bearer ${KEY}` } } = options;
  const client = new Client({ name: "test", version: "1" });
  clients.push(client);
  await client.connect(
    new StreamableHTTPClientTransport(new URL(at(path)), { requestInit: { headers } }),
  );
  return client;
}

/** A POST without the SDK's client. */
function post(path: string, headers: Record<string, string> = {}, body: unknown = PING) {
  return fetch(at(path), {
    method: "POST",
    headers: { ...HEADERS, ...headers },
    body: typeof body === "string" ? body : JSON.stringify(body),
  });
}
const PING = { jsonrpc: "2.0", id: 1, method: "ping" };
const BEARER = { Authorization: `Bearer ${KEY}` };

async function errorOf(response: Response): Promise<ErrorBody["error"]> {
  expect(response.headers.get("Content-Type")).toContain("application/json");
  return ErrorBody.parse(await response.json()).error;
}

test("a client with the key sees the server, its instructions and its tools", async () => {
  const client = await connect();
  expect(client.getServerVersion()).toMatchObject({ name: "Luna MCP - my_work", version: VERSION });
  expect(client.getInstructions()).toBe("# demo\nUse echo to test.");
  const { tools } = await client.listTools();
  expect(tools.map((tool) => tool.name)).toEqual(
    Object.keys(RUNS).filter((name) => name !== "hidden" && name !== "off"),
  );
  expect(tools[0]).toEqual({
    name: "echo",
    description: "Does echo",
    inputSchema: {
      type: "object",
      properties: { value: { anyOf: [{ type: "string" }, { type: "null" }] } },
      additionalProperties: false,
    },
    annotations: { readOnlyHint: true },
  });
});

test("each kind of payload becomes the right result", async () => {
  const client = await connect();
  const call = (name: string, args = {}) => client.callTool({ name, arguments: args });
  expect(await call("echo", { value: "ä" })).toEqual({
    content: [{ type: "text", text: '{"value":"ä"}' }],
    structuredContent: { value: "ä" },
    isError: false,
  });
  expect(await call("text")).toEqual({
    content: [{ type: "text", text: "as it is" }],
    isError: false,
  });
  expect(await call("list")).toEqual({
    content: [{ type: "text", text: '[1,{"a":2}]' }],
    isError: false,
  });
  expect(await call("nothing")).toEqual({
    content: [{ type: "text", text: "null" }],
    isError: false,
  });
  expect(await call("fail")).toEqual({
    content: [{ type: "text", text: 'Cannot run "fail": it always does' }],
    isError: true,
  });
  expect(await call("down")).toMatchObject({
    content: [{ text: 'Cannot run "down": its host does not start' }],
    isError: true,
  });
});

test("a call is logged without its arguments", async () => {
  const client = await connect();
  await client.callTool({ name: "echo", arguments: { value: "private words" } });
  const lines = logged.filter((line) => line.includes("Tool called"));
  expect(lines).toHaveLength(1);
  expect(JSON.parse(lines[0] ?? "")).toMatchObject({
    server: "my_work",
    tool: "echo",
    success: true,
  });
  expect(logged.join()).not.toContain("private words");
});

test("a tool that is unknown, vanished or switched off is a JSON-RPC error, all the same", async () => {
  const client = await connect();
  for (const name of ["never_was", "gone", "hidden", "off"]) {
    const called = client.callTool({ name, arguments: {} });
    await expect(called).rejects.toThrow(`MCP error -32602: Unknown tool: ${name}`);
  }
});

test("what nobody foresaw is logged, and told without its inner text", async () => {
  const client = await connect();
  const message = await client.callTool({ name: "bug" }).catch((error: Error) => error.message);
  expect(message).toBe("MCP error -32603: Luna failed to answer this; its log says why");
  expect(logged.join()).toContain("A tool call failed unexpectedly");
});

test("the key comes as Bearer or X-API-Key, the owner's token opens every server", async () => {
  for (const headers of [
    { Authorization: `bearer ${KEY}` },
    { "X-API-Key": KEY },
    { Authorization: "Basic eDp5", "X-API-Key": KEY },
    { Authorization: `Bearer ${OWNER}` },
  ]) {
    const client = await connect({ headers });
    expect((await client.callTool({ name: "text" })).isError).toBe(false);
  }
});

test("a wrong or missing key is 401 without OAuth metadata, and tells nothing of names", async () => {
  const cases = [
    ["my_work", {}],
    ["my_work", { Authorization: "Bearer wrong" }],
    ["my_work", { Authorization: `Bearer ${OTHER_KEY}` }],
    ["my_work", { "X-API-Key": `${KEY}x` }],
    ["asleep", { "X-API-Key": "wrong" }],
    ["unknown", { Authorization: `Bearer ${KEY}` }],
    ["constructor", { Authorization: `Bearer ${KEY}` }],
  ] as const;
  for (const [name, headers] of cases) {
    const response = await post(`/api/mcp-${name}/mcp`, headers);
    expect(response.status).toBe(401);
    expect(response.headers.get("WWW-Authenticate")).toBe("Bearer");
    expect(await errorOf(response)).toEqual({
      code: "unauthorized",
      message: `Cannot use MCP server "${name}": the key is missing or wrong, expired or revoked; the Hub's Connect and Keys pages lead to a good one`,
    });
  }
  await expect(connect({ headers: { "X-API-Key": "wrong" } })).rejects.toThrow(
    "the key is missing",
  );
});

test("only who has a key is told that a server is off, and only the owner which ones there are", async () => {
  const asleep = await post("/api/mcp-asleep/mcp", BEARER);
  expect(asleep.status).toBe(404);
  expect((await errorOf(asleep)).message).toContain("switched off");
  const unknown = await post("/api/mcp-nope/mcp", { Authorization: `Bearer ${OWNER}` });
  expect(unknown.status).toBe(404);
  expect((await errorOf(unknown)).message).toContain("my_work, other, asleep");
});

test("a name may come with hyphens, unless that could mean two servers", async () => {
  for (const path of ["/api/mcp-my-work/mcp", "/api/mcp-my-work", "/api/mcp-my_work"]) {
    expect((await post(path, BEARER)).status).toBe(200);
  }
  expect((await post("/api/mcp-a-b-c/mcp", BEARER)).status).toBe(401);
  expect((await post("/api/mcp-a_b-c/mcp", BEARER)).status).toBe(200);
});

test("a configuration that does not parse is 503 without its path, and works again once it does", async () => {
  config = undefined;
  const broken = await post("/api/mcp-my_work/mcp", BEARER);
  expect(broken.status).toBe(503);
  expect((await errorOf(broken)).message).not.toContain("/home/x");
  expect(logged.join()).toContain("Cannot check the key");
  config = CONFIG;
  expect((await post("/api/mcp-my_work/mcp", BEARER)).status).toBe(200);
});

test("there are no documents of OAuth here, and the main server tells where they are", async () => {
  for (const path of [
    "/.well-known/oauth-protected-resource",
    "/.well-known/oauth-protected-resource/api/mcp-my_work/mcp",
    "/.well-known/oauth-authorization-server",
    "/api/mcp-my_work/mcp/.well-known/openid-configuration",
  ]) {
    const response = await fetch(at(path));
    expect(response.status).toBe(404);
    expect((await errorOf(response)).code).toBe("not_found");
  }
  const main = await post("/api/mcp", BEARER);
  expect(main.status).toBe(401);
  expect(main.headers.get("WWW-Authenticate")).toContain("resource_metadata=");
  expect((await errorOf(main)).message).toContain("sign in again");
});

test("no stream to open and no session to end: 405, behind the key", async () => {
  for (const method of ["GET", "DELETE"]) {
    const path = at("/api/mcp-my_work/mcp");
    expect((await fetch(path, { method })).status).toBe(401);
    const response = await fetch(path, { method, headers: BEARER });
    expect(response.status).toBe(405);
    expect(response.headers.get("Allow")).toBe("POST");
    expect((await errorOf(response)).code).toBe("method_not_allowed");
  }
});

test("only pages of this Luna may call, by its public name", async () => {
  const status = async (headers: Record<string, string>) =>
    (await post("/api/mcp-my_work/mcp", { ...BEARER, ...headers })).status;
  const port = server.port;
  expect(await status({ Origin: "https://evil.example" })).toBe(403);
  expect(await status({ Origin: "null" })).toBe(403);
  expect(await status({ Origin: "nonsense" })).toBe(403);
  expect(await status({ Origin: `http://127.0.0.1:${port}` })).toBe(200);
  expect(await status({ Origin: `http://localhost:${port}` })).toBe(403);
  const proxied = { "X-Forwarded-Host": "luna.example" };
  expect(await status({ Origin: "https://luna.example", ...proxied })).toBe(200);
  expect(await status({ Origin: `http://127.0.0.1:${port}`, ...proxied })).toBe(403);
  expect(
    await status({ Origin: "https://luna.example", "X-Forwarded-Host": "luna.example:443" }),
  ).toBe(200);
  expect(await status({ Origin: "https://luna.example:8443", ...proxied })).toBe(403);
  expect(await status({ Host: "evil.example" })).toBe(403);
});

test("a broken message is a JSON-RPC error", async () => {
  const status = async (body: unknown, headers = {}) => {
    const response = await post("/api/mcp-my_work/mcp", { ...BEARER, ...headers }, body);
    return [response.status, (await response.json()).error.code];
  };
  expect(await status("{")).toEqual([400, -32700]);
  expect(await status({ id: 1 })).toEqual([400, -32600]);
  expect(await status("x".repeat(4 * 1024 * 1024 + 1))).toEqual([413, -32600]);
  expect(await status(PING, { "Content-Type": "text/plain" })).toEqual([415, -32000]);
  expect(await status(PING, { "MCP-Protocol-Version": "1999-01-01" })).toEqual([400, -32000]);
  expect(await status({ ...PING, method: "no/such" })).toEqual([200, -32601]);
});

test("a client that goes away stops its tool", async () => {
  const leaving = await connect();
  const call = leaving.callTool({ name: "slow" }).catch(() => undefined);
  await until(() => started.length === 1, { what: "the call to begin" });
  expect(stopped).toEqual([]);
  await leaving.close();
  await until(() => stopped.length === 1, { what: "the tool to be stopped" });
  await call;
});

test("a cancellation stops the call it means and no other client's of the same id", async () => {
  const [first, second] = [await connect(), await connect()];
  const giveUp = new AbortController();
  const slow = (of: string) => ({ name: "slow", arguments: { of } });
  const cancelled = first.callTool(slow("first"), undefined, { signal: giveUp.signal });
  second.callTool(slow("second")).catch(() => undefined);
  await until(() => started.length === 2, { what: "both calls to begin" });
  giveUp.abort("enough");
  await expect(cancelled).rejects.toThrow("enough");
  await until(() => stopped.length === 1, { what: "the tool to be stopped" });
  // The first client goes on with the connection it has, and the second is still being served.
  expect((await first.callTool({ name: "text" })).isError).toBe(false);
  expect(stopped).toEqual([{ of: "first" }]);
});

test("50 clients at once each get their own answers", async () => {
  const all = await Promise.all(Array.from({ length: 50 }, () => connect()));
  const answers = await Promise.all(
    all.flatMap((client, index) =>
      [0, 1, 2].map(async (round) => {
        const value = `client ${index} round ${round}`;
        const result = await client.callTool({ name: "echo", arguments: { value } });
        return [value, result.structuredContent];
      }),
    ),
  );
  expect(answers).toHaveLength(150);
  for (const [value, answer] of answers) expect(answer).toEqual({ value });
});

test("a restart of the service breaks no client", async () => {
  const client = await connect();
  expect((await client.callTool({ name: "text" })).isError).toBe(false);
  const { port } = server;
  await server.stop(true);
  await expect(client.callTool({ name: "text" })).rejects.toThrow();
  start(port);
  await until(async () => (await client.callTool({ name: "text" })).isError === false);
  expect((await client.listTools()).tools.length).toBeGreaterThan(1);
});

const TEXT_OFF = { tool_config: { text: { enabled_in_mcp: false } } };

test("a change of the configuration holds from the next request on", async () => {
  const client = await connect();
  const names = async () => (await client.listTools()).tools.map((tool) => tool.name);
  expect(await names()).toContain("text");
  config = {
    ...CONFIG,
    mcp_servers: { my_work: McpServer.parse(entry("my_work", KEY, TEXT_OFF)) },
  };
  expect(await names()).not.toContain("text");
  config = { ...CONFIG, mcp_servers: { my_work: McpServer.parse(entry("my_work", "a new key")) } };
  await expect(client.listTools()).rejects.toThrow("the key is missing or wrong");
});

test("the service says that it is up, to this machine alone", async () => {
  const healthy = await fetch(at("/healthz"));
  expect([healthy.status, await healthy.json()]).toEqual([200, { status: "ok" }]);
  expect((await fetch(at("/healthz"), { headers: { Host: "luna.example" } })).status).toBe(403);
});
