/** The main MCP server behind access tokens: challenges, audience, scopes, and who gets whose answer. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import type { Server } from "bun";
import { noKeys } from "../../../tests/support/api-keys.ts";
import { MemoryTrail } from "../../../tests/support/memory-trail.ts";
import { catalogueOf, toolSource } from "../../../tests/support/tool-source.ts";
import { recordingRefusals } from "../../audit/refused-requests.ts";
import { MasterConfig } from "../../contract/config.ts";
import { MCP_REFUSALS, TOKEN_FAULTS } from "../../contract/mcp-connection.ts";
import type { Access, AccessRefusal } from "../../contract/oauth.ts";
import { createLogger } from "../../lib/log.ts";
import { generateSecret, hashSecret } from "../../lib/secret.ts";
import { serve } from "../../lib/serve.ts";
import { createMcpApp } from "./app.ts";
import { Connections, REMEMBERED_MS } from "./connections.ts";

const PUBLIC_URL = "https://luna.example";
const RESOURCE = `${PUBLIC_URL}/api/mcp`;
const KEY = "sk-luna-work";
const OWNER = generateSecret();
const METADATA = `${PUBLIC_URL}/.well-known/oauth-protected-resource/api/mcp`;

let server: Server<undefined>;
let now: number;
let config: MasterConfig;
let tokens: Map<string, Access>;
const refusals = new Map<string, AccessRefusal>();
let audit: MemoryTrail;
const ran: { tool: string; by: string }[] = [];
const clients: Client[] = [];

const tool = (name: string, readOnlyHint: boolean) => ({
  ...{ name, description: name, extension: "demo", annotations: { readOnlyHint } },
  input_schema: { type: "object" as const },
});
const CATALOGUE = catalogueOf({
  tools: [tool("read", true), tool("write", false), tool("off", true)],
});

function issue(more: Partial<Access> = {}): string {
  const token = generateSecret("luna-at-");
  tokens.set(hashSecret(token), {
    ...{ grant: "the grant", client_name: "Claude", scope: "tools", resource: RESOURCE },
    ...{ expires_at: Date.now() + 3_600_000, ...more },
  });
  return token;
}

beforeEach(() => {
  tokens = new Map();
  refusals.clear();
  audit = new MemoryTrail();
  now = Date.parse("2031-01-01");
  ran.length = 0;
  config = MasterConfig.parse({
    mcp_servers: {
      work: {
        name: "work",
        key_hash: hashSecret(KEY),
        key_hint: "work",
        created_at: "2026-01-01T00:00:00.000Z",
      },
    },
    tool_configs: { off: { enabled_in_mcp: false } },
  });
  const app = createMcpApp({
    config: { read: async () => config },
    tools: toolSource(
      async () => CATALOGUE,
      async ({ tool: name, caller, arguments: args }) => {
        ran.push({ tool: name, by: `${caller.actor.kind} ${caller.actor.name}` });
        await Bun.sleep(Number(args["ms"] ?? 0));
        return { success: true, payload: args };
      },
    ),
    gate: noKeys(),
    oauth: {
      publicUrl: PUBLIC_URL,
      find: async (hash) => tokens.get(hash),
      refusalOf: (hash) => refusals.get(hash),
    },
    ownerToken: OWNER,
    connections: new Connections({ audit, clock: () => now }),
    log: createLogger("test", [], () => undefined),
  });
  server = serve({ fetch: recordingRefusals(app.fetch, audit), listen: { port: 0 } });
});
afterEach(async () => {
  for (const client of clients.splice(0)) await client.close();
  await server.stop(true);
});

const at = (path: string): string => `http://127.0.0.1:${server.port}${path}`;

function post(
  token: string | undefined,
  method = "tools/list",
  params: object = {},
  path = "/api/mcp",
): Promise<Response> {
  return fetch(at(path), {
    method: "POST",
    headers: {
      "Content-Type": "application/json",
      Accept: "application/json, text/event-stream",
      ...(token === undefined ? {} : { Authorization: `Bearer ${token}` }),
    },
    body: JSON.stringify({ jsonrpc: "2.0", id: 1, method, params }),
  });
}

async function connect(token: string, name = "test"): Promise<Client> {
  const client = new Client({ name, version: "1" });
  const transport = new StreamableHTTPClientTransport(new URL(at("/api/mcp")), {
    requestInit: { headers: { Authorization: `Bearer ${token}` } },
  });
  await client.connect(transport as Parameters<Client["connect"]>[0]);
  clients.push(client);
  return client;
}

describe("row 11", () => {
  test("without a token: 401, and where to get one", async () => {
    for (const [method, path] of [
      ["POST", "/api/mcp"],
      ["GET", "/api/mcp"],
      ["DELETE", "/api/mcp/"],
    ] as const) {
      const answer = await fetch(at(path), { method });
      expect(answer.status).toBe(401);
      expect(answer.headers.get("WWW-Authenticate")).toBe(
        `Bearer resource_metadata="${METADATA}", scope="tools"`,
      );
    }
  });

  test("with a token that is no good: 401 invalid_token, whatever is wrong with it", async () => {
    const good = issue();
    const { expires_at: _, ...rest } = tokens.get(hashSecret(good)) ?? {};
    expect(rest).toBeDefined();
    for (const token of [
      ...[KEY, OWNER, "wrong", "gho_abcdefghijklmnop", `${good}x`, good.slice(0, -1)],
      ...[good.toLowerCase(), good.replace("luna-at-", "luna-rt-"), "luna-at-", "';--"],
    ]) {
      const answer = await post(token);
      expect([token, answer.status]).toEqual([token, 401]);
      expect(answer.headers.get("WWW-Authenticate")).toStartWith('Bearer error="invalid_token", ');
      expect(answer.headers.get("WWW-Authenticate")).toContain(`resource_metadata="${METADATA}"`);
    }
    expect((await post(good)).status).toBe(200);
  });

  test("a token in the address, or as a key, opens nothing", async () => {
    const token = issue();
    const path = `/api/mcp?access_token=${token}`;
    expect((await post(undefined, "tools/list", {}, path)).status).toBe(401);
    const answer = await fetch(at("/api/mcp"), { method: "POST", headers: { "X-API-Key": token } });
    expect(answer.status).toBe(401);
  });

  test("a tool beyond the scope: 403 insufficient_scope with all that is needed, and the tool is not run", async () => {
    const reading = issue({ scope: "tools:read" });
    const answer = await post(reading, "tools/call", { name: "write", arguments: {} });
    expect(answer.status).toBe(403);
    const header = answer.headers.get("WWW-Authenticate") ?? "";
    expect(header).toStartWith('Bearer error="insufficient_scope", ');
    expect(header).toContain('scope="tools"');
    expect(header).toContain(`resource_metadata="${METADATA}"`);
    expect(await answer.text()).toContain("insufficient_scope");
    expect(ran).toEqual([]);
    expect((await post(reading, "tools/call", { name: "read", arguments: {} })).status).toBe(200);
    const nothing = await post(issue({ scope: "offline_access" }));
    expect(nothing.status).toBe(403);
  });
});

describe("row 6", () => {
  test.each([
    null,
    PUBLIC_URL,
    `${PUBLIC_URL}/`,
    `${RESOURCE}/`,
    `${PUBLIC_URL}/api/mcp-work/mcp`,
    "https://other.example/api/mcp",
    "http://luna.example/api/mcp",
  ])("CVE-2025-69196: a token for %p is refused here", async (resource) => {
    const answer = await post(issue({ resource }));
    expect(answer.status).toBe(401);
    expect(answer.headers.get("WWW-Authenticate")).toContain("invalid_token");
  });

  test("a token of the main server opens no named one, and advertises nothing there", async () => {
    const answer = await post(issue(), "tools/list", {}, "/api/mcp-work/mcp");
    expect(answer.status).toBe(401);
    expect(answer.headers.get("WWW-Authenticate")).toBe("Bearer");
  });
});

test("each refusal is recorded with its reason, and who it was as far as that is known", async () => {
  const dead = (refusal: AccessRefusal): string => {
    const token = generateSecret("luna-at-");
    refusals.set(hashSecret(token), refusal);
    return token;
  };
  const stranger = { kind: "anonymous", name: "" } as const;
  const claude = { kind: "client", name: "Claude" } as const;
  const main: [string | undefined, string, object][] = [
    [undefined, MCP_REFUSALS.no_token, stranger],
    ["sk-luna-anything", MCP_REFUSALS.key_for_main, stranger],
    ["eyJhbGciOi", MCP_REFUSALS.foreign_token, stranger],
    [dead({ fault: "unknown", client_name: null }), TOKEN_FAULTS.unknown, stranger],
    [dead({ fault: "expired", client_name: "Claude" }), TOKEN_FAULTS.expired, claude],
    [dead({ fault: "not_allowed", client_name: "Claude" }), TOKEN_FAULTS.not_allowed, claude],
    [issue({ resource: null }), MCP_REFUSALS.other_resource, claude],
    [issue({ scope: "" }), MCP_REFUSALS.no_scope, claude],
  ];
  for (const [token, reason, actor] of main) {
    audit.events.length = 0;
    await post(token);
    expect(audit.events).toMatchObject([
      { actor, action: "request.refused", target: "/api/mcp", details: { reason } },
    ]);
    if (token !== undefined) expect(JSON.stringify(audit.events)).not.toContain(token);
  }
  audit.events.length = 0;
  await fetch(at("/api/mcp-work/mcp"), { method: "POST" });
  await post("sk-luna-wrong", "tools/list", {}, "/api/mcp-work/mcp");
  await fetch(at("/api/mcp"), { method: "POST", headers: { Origin: "https://evil.example" } });
  expect(audit.events.map(({ details }) => details?.["reason"])).toEqual([
    ...[MCP_REFUSALS.no_key, MCP_REFUSALS.wrong_key, MCP_REFUSALS.foreign_page],
  ]);
});

test("the first request that is let in is recorded, and again after a day", async () => {
  const token = issue();
  const connects = () => audit.events.filter(({ action }) => action === "mcp.connect");
  for (let request = 0; request < 3; request += 1) expect((await post(token)).status).toBe(200);
  expect(connects()).toMatchObject([
    { actor: { kind: "client", name: "Claude" }, target: "main", outcome: "ok" },
  ]);
  await post(KEY, "tools/list", {}, "/api/mcp-work/mcp");
  expect(connects()[1]).toMatchObject({ actor: { name: "mcp-work" }, target: "work" });
  now += REMEMBERED_MS;
  await post(token);
  expect(connects().length).toBe(3);
  expect(JSON.stringify(audit.events)).not.toContain(hashSecret(KEY));
});

test("row 13: another site's page is refused, before its token is looked at", async () => {
  const answer = await fetch(at("/api/mcp"), {
    method: "POST",
    headers: { Origin: "https://evil.example", Authorization: `Bearer ${issue()}` },
  });
  expect(answer.status).toBe(403);
});

test("everything that is switched on for MCP is offered, to readers what only reads, and calls bear the client's name", async () => {
  const names = async (client: Client) => (await client.listTools()).tools.map(({ name }) => name);
  const client = await connect(issue());
  expect(client.getServerVersion()?.name).toContain("Luna");
  expect(await names(client)).toEqual(["read", "write"]);
  expect(await names(await connect(issue({ scope: "tools:read" })))).toEqual(["read"]);
  await client.callTool({ name: "write", arguments: {} });
  expect(ran).toEqual([{ tool: "write", by: "client Claude" }]);
  config = MasterConfig.parse({ ...config, tool_configs: { write: { enabled_in_mcp: false } } });
  expect(await names(client)).toEqual(["read", "off"]);
});

test("a session goes on with the next token of the same grant, and is nobody else's", async () => {
  const [first, next, foreign] = [issue(), issue(), issue({ grant: "another" })];
  const begin = await post(first, "initialize", {
    ...{ protocolVersion: "2025-11-25", capabilities: {} },
    clientInfo: { name: "x", version: "1" },
  });
  const session = begin.headers.get("Mcp-Session-Id") ?? "";
  await begin.text();
  const list = async (token: string) => {
    const answer = await fetch(at("/api/mcp"), {
      method: "POST",
      headers: {
        "Content-Type": "application/json",
        Accept: "application/json, text/event-stream",
        ...{ "Mcp-Session-Id": session, Authorization: `Bearer ${token}` },
      },
      body: JSON.stringify({ jsonrpc: "2.0", id: 2, method: "tools/list" }),
    });
    await answer.text();
    return answer.status;
  };
  expect(await list(next)).toBe(200);
  expect(await list(foreign)).toBe(404);
});

test("what is open when the owner revokes is closed", async () => {
  const token = issue();
  const begin = await post(token, "initialize", {
    ...{ protocolVersion: "2025-11-25", capabilities: {} },
    clientInfo: { name: "x", version: "1" },
  });
  await begin.text();
  const stream = await fetch(at("/api/mcp"), {
    headers: {
      Accept: "text/event-stream",
      Authorization: `Bearer ${token}`,
      "Mcp-Session-Id": begin.headers.get("Mcp-Session-Id") ?? "",
    },
  });
  expect(stream.status).toBe(200);
  tokens.clear();
  // It ends by itself; without that this would wait for ever.
  await stream.text();
  expect((await post(token)).status).toBe(401);
});

test("CVE-2026-25536: 200 clients at once each get their own answers and no other's", async () => {
  const all = await Promise.all(
    Array.from({ length: 200 }, (_, index) =>
      connect(issue({ grant: `g${index}`, client_name: `c${index}` }), `c${index}`),
    ),
  );
  const answers = await Promise.all(
    all.map(async (client, index) => {
      const args = { secret: `of ${index}`, ms: (index * 7) % 20 };
      return JSON.stringify((await client.callTool({ name: "read", arguments: args })).content);
    }),
  );
  const crossed = answers.filter((text, index) => !text.includes(`of ${index}\\"`));
  expect(crossed).toEqual([]);
}, 60_000);
