/** The audit log of the compiled Luna: what is done through each door is there once, whoever was killed meanwhile. */
import { Database } from "bun:sqlite";
import { afterAll, beforeAll, expect, test } from "bun:test";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import OpenAI from "openai";
import { AuditEvent, AuditPage } from "../../src/contract/audit.ts";
import { MCP_REFUSALS } from "../../src/contract/mcp-connection.ts";
import { McpServerKey } from "../../src/contract/mcp-servers.ts";
import { sendSignal } from "../../src/lib/proc.ts";
import { type LlmStandIn, startLlmStandIn } from "../support/llm-stand-in.ts";
import { BINARY, type Luna, startLuna } from "../support/start-luna.ts";
import { until } from "../support/until.ts";

const TIMEOUT_MS = 60_000;
const PLANTED = "planted-9d8c7b6a";
const CALLS = 25;

let luna: Luna;
let llm: LlmStandIn;
let cookie: string;
let page: string;
let server: McpServerKey;
beforeAll(async () => {
  llm = startLlmStandIn();
  luna = await startLuna({
    environment: { OPENAI_BASE_URL: llm.url, OPENAI_API_KEY: "sk-stand-in" },
  });
  cookie = await luna.signIn();
  page = await luna.pageToken(cookie);
}, TIMEOUT_MS);
afterAll(async () => {
  await luna.stop();
  await luna.remove();
  await llm.stop();
}, TIMEOUT_MS);

/** The Hub's own request, through Caddy. */
function hub(path: string, init: RequestInit = {}): Promise<Response> {
  const headers = { Cookie: cookie, Origin: luna.url, "X-Luna-Page": page, ...init.headers };
  return fetch(`${luna.url}${path}`, { ...init, headers });
}

function postJson(path: string, body: unknown): Promise<Response> {
  const headers = { "Content-Type": "application/json" };
  return hub(path, { method: "POST", headers, body: JSON.stringify(body) });
}

/** What the log says, the newest first. */
async function log(query: Record<string, string> = {}): Promise<AuditEvent[]> {
  const answer = await hub(`/auth/audit?${new URLSearchParams({ limit: "500", ...query })}`);
  expect(answer.status).toBe(200);
  return AuditPage.parse(await answer.json()).events;
}

/** What came into the log while `act` ran. */
async function eventsOf(act: () => Promise<unknown>): Promise<AuditEvent[]> {
  const before = new Set((await log()).map(({ id }) => id));
  await act();
  return (await log()).filter(({ id }) => !before.has(id)).reverse();
}

function mcpClient(key: string): Promise<Client> {
  const client = new Client({ name: "test", version: "1" });
  const transport = new StreamableHTTPClientTransport(new URL(server.server.url), {
    requestInit: { headers: { Authorization: `Bearer ${key}` } },
  });
  // The SDK's own types do not agree under exactOptionalPropertyTypes.
  return client.connect(transport as Parameters<Client["connect"]>[0]).then(() => client);
}

const OWNER = { kind: "owner", name: "owner" };
const LOOPBACK = "127.0.0.1";

test("the sign-in that opened this is there, without what proved it", async () => {
  const [event, ...others] = await log({ action: "sign_in" });
  expect(others).toEqual([]);
  expect(event).toMatchObject({
    ...{ actor: OWNER, outcome: "ok", address: LOOPBACK, target: null },
    details: { method: "link" },
  });
});

test("without a session there is no log to see", async () => {
  for (const Cookie of ["", "luna_session=wrong", `${cookie}x`]) {
    const answer = await fetch(`${luna.url}/auth/audit`, { headers: { Cookie } });
    expect(answer.status).toBe(401);
    expect(await answer.text()).not.toContain("sign_in");
  }
  // An extension's page has the session, and no page token.
  const framed = await hub("/auth/audit", { headers: { "X-Luna-Page": "" } });
  expect(framed.status).toBe(403);
  // The command line's door is not to be had from outside.
  expect((await hub("/audit", { headers: { Accept: "application/json" } })).status).not.toBe(401);
  expect(await (await hub("/audit")).text()).not.toContain('"events"');
});

test("signing out is there, and so is a sign-in that was refused, with no token", async () => {
  const other = await luna.signIn();
  const events = await eventsOf(async () => {
    await fetch(`${luna.url}/auth/logout`, {
      method: "POST",
      headers: { Cookie: other, Origin: luna.url },
    });
    await fetch(`${luna.url}/auth/link`, {
      method: "POST",
      headers: { "Content-Type": "application/json", Origin: luna.url },
      body: JSON.stringify({ token: PLANTED }),
    });
  });
  expect(events).toMatchObject([
    { actor: OWNER, action: "sign_out", outcome: "ok", address: LOOPBACK },
    { actor: { kind: "anonymous" }, action: "sign_in", outcome: "refused", address: LOOPBACK },
  ]);
  expect(JSON.stringify(events)).not.toContain(PLANTED);
});

test("what is done to MCP servers and processes is there, with who did it", async () => {
  const events = await eventsOf(async () => {
    const made = await postJson("/api/supervisor/mcp-servers/create", { name: "audited" });
    server = McpServerKey.parse(await made.json());
    expect((await postJson("/api/supervisor/mcp-servers/create", { name: "audited" })).status).toBe(
      409,
    );
    const renewed = await postJson("/api/supervisor/mcp-servers/audited/regenerate-key", {});
    server = McpServerKey.parse(await renewed.json());
    const spare = { name: "spare" };
    await postJson("/api/supervisor/mcp-servers/create", spare);
    await hub("/api/supervisor/mcp-servers/spare", { method: "DELETE" });
    expect((await luna.run("restart", "mcp")).code).toBe(0);
  });
  const of = (action: string, target: string, outcome = "ok") => ({ action, target, outcome });
  expect(events).toMatchObject([
    of("mcp_server.create", "audited"),
    of("mcp_server.create", "audited", "failed"),
    of("mcp_server.regenerate_key", "audited"),
    of("mcp_server.create", "spare"),
    of("mcp_server.delete", "spare"),
    of("process.restart", "mcp"),
  ]);
  expect(events.map(({ actor }) => actor.kind)).toEqual([...Array(5).fill("owner"), "local"]);
  for (const { duration_ms, address, actor } of events) {
    expect(duration_ms).toBeGreaterThan(0);
    expect(address).toBe(actor.kind === "owner" ? LOOPBACK : null);
  }
  expect(JSON.stringify(events)).not.toContain(server.api_key);
});

test("a tool call is there once, whichever door it came through, and without its arguments", async () => {
  const args = { query: PLANTED };
  const agent = (options: ConstructorParameters<typeof OpenAI>[0]) => {
    llm.script(
      { tool_calls: [{ name: "NOTES_GET_search", arguments: args }] },
      { text: "There is none." },
    );
    const client = new OpenAI({
      ...{ baseURL: `${luna.url}/api/agent/v1`, maxRetries: 0 },
      ...options,
    });
    const messages = [{ role: "user" as const, content: "Look" }];
    return client.chat.completions.create({ model: "simple_agent", messages });
  };
  const events = await eventsOf(async () => {
    const answer = await postJson("/api/supervisor/tools/execute/NOTES_GET_search", args);
    expect(answer.status).toBe(200);
    await postJson("/api/supervisor/tools/execute/NOTES_no_such", args);
    await postJson("/api/supervisor/tools/execute/NOTES_GET_search", { query: 7 });
    const client = await mcpClient(server.api_key);
    await client.callTool({ name: "NOTES_GET_search", arguments: args });
    await client.close();
    await agent({ apiKey: luna.credentials.agentKey });
    await agent({
      apiKey: "not sent",
      defaultHeaders: {
        Authorization: null,
        Cookie: cookie,
        Origin: luna.url,
        "X-Luna-Page": page,
      },
    });
  });
  const told = (actor: object, outcome: string, target = "NOTES_GET_search") => ({
    ...{ actor, action: "tool.call", target, outcome, address: LOOPBACK },
  });
  const client = { kind: "client", name: "mcp-audited" } as const;
  // That it has come for the first time is one of its own.
  const first = { actor: client, action: "mcp.connect", target: "audited", outcome: "ok" };
  expect(events.filter(({ action }) => action !== "tool.call")).toMatchObject([first]);
  const calls = events.filter(({ action }) => action === "tool.call");
  expect(calls).toMatchObject([
    told(OWNER, "ok"),
    told(OWNER, "failed", "NOTES_no_such"),
    told(OWNER, "failed"),
    told(client, "ok"),
    told({ kind: "key", name: "AGENT_API_KEY" }, "ok"),
    told(OWNER, "ok"),
  ]);
  for (const { duration_ms } of calls) expect(duration_ms).toBeGreaterThan(0);
  expect(JSON.stringify(events)).not.toContain(PLANTED);
});

test("an edit of master_config.json is there, and its setting holds: the arguments of the next call are told", async () => {
  const file = Bun.file(luna.paths.masterConfig);
  const config = await file.json();
  const events = await eventsOf(async () => {
    await Bun.write(file, JSON.stringify({ ...config, audit: { tool_arguments: "full" } }));
    await until(async () => (await log({ action: "config.change" })).length > 0);
    await postJson("/api/supervisor/tools/execute/NOTES_GET_search", {
      ...{ query: "bread", password: PLANTED },
    });
  });
  expect(events).toMatchObject([
    {
      actor: { kind: "local" },
      action: "config.change",
      target: "master_config.json",
      outcome: "ok",
    },
    { action: "tool.call", details: { arguments: { query: "bread", password: "[redacted]" } } },
  ]);
  expect(events[0]?.details).toMatchObject({ changed: ["audit.tool_arguments"] });
  expect(JSON.stringify(events)).not.toContain(PLANTED);
});

test("a request that was refused is there, by its path alone", async () => {
  const events = await eventsOf(async () => {
    const foreign = { Origin: "https://evil.example" };
    const path = `/api/supervisor/services/hub/restart?secret=${PLANTED}`;
    expect((await hub(path, { method: "POST", headers: foreign })).status).toBe(403);
    const framed = { "X-Luna-Page": "" };
    expect((await hub(path, { method: "POST", headers: framed })).status).toBe(403);
    const wrong = { Authorization: `Bearer sk-luna-${PLANTED}` };
    expect((await fetch(`${luna.url}/api/agent/v1/models`, { headers: wrong })).status).toBe(401);
    const mcp = await fetch(server.server.url, { method: "POST", headers: wrong });
    expect(mcp.status).toBe(401);
  });
  const target = "/api/supervisor/services/hub/restart";
  const refused = { actor: { kind: "anonymous" }, action: "request.refused", outcome: "refused" };
  expect(events).toMatchObject([
    { actor: { kind: "anonymous" }, action: "request.refused", target, outcome: "refused" },
    { actor: OWNER, action: "request.refused", target, outcome: "refused" },
    { ...refused, target: "/v1/models", details: { reason: "no_good_key" } },
    { ...refused, target: "/api/mcp-audited/mcp", details: { reason: MCP_REFUSALS.wrong_key } },
  ]);
  expect(JSON.stringify(events)).not.toContain(PLANTED);
});

/** Calls a tool `CALLS` times by the control API, which needs no auth. */
async function callTools(query: string): Promise<void> {
  for (let i = 0; i < CALLS; i += 1) {
    const answer = await luna.control("/tools/execute/NOTES_GET_search", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ query }),
    });
    expect(answer.status).toBe(200);
  }
}

const countOf = (events: readonly AuditEvent[], text: string): number =>
  events.filter(({ details }) => JSON.stringify(details)?.includes(text)).length;

test(
  "what was recorded while auth was killed again and again is there once it is back",
  async () => {
    const killing = (async () => {
      for (let i = 0; i < 4; i += 1) {
        sendSignal(await luna.pidOf("auth"), "SIGKILL");
        await until(async () => (await fetch(`http://127.0.0.1:${luna.ports.auth}/healthz`)).ok);
      }
    })();
    await callTools("while auth dies");
    await killing;
    const events = await log({ text: "while auth dies" });
    expect(events.length).toBe(CALLS);
    expect(new Set(events.map(({ id }) => id)).size).toBe(CALLS);
  },
  TIMEOUT_MS,
);

test(
  "whoever records may be killed at any time: what was answered is there",
  async () => {
    let answered = 0;
    for (let i = 0; i < 3; i += 1) {
      await callTools(`before kill ${i}`);
      answered += CALLS;
      // Not a moment for anything to be written elsewhere.
      sendSignal((await luna.state()).supervisor.pid, "SIGKILL");
      await until(async () => (await luna.control("/health")).ok);
    }
    const events = await log({ text: "before kill" });
    expect(countOf(events, "before kill")).toBe(answered);
    // Segments of writers that are gone were freed; those who live have one each.
    await until(async () => {
      const left = [...new Bun.Glob("*").scanSync(luna.paths.audit)];
      return left.length <= 4;
    });
  },
  TIMEOUT_MS,
);

test("a flood of refused sign-ins is a handful of events", async () => {
  const FLOOD = 300;
  const events = await eventsOf(async () => {
    const one = () =>
      fetch(`${luna.url}/auth/link`, {
        method: "POST",
        headers: { "Content-Type": "application/json", Origin: luna.url },
        body: JSON.stringify({ token: "x".repeat(43) }),
      });
    for (let i = 0; i < FLOOD; i += 50) await Promise.all(Array.from({ length: 50 }, one));
  });
  const refused = events.filter(({ action }) => action === "sign_in");
  expect(refused.length).toBeWithin(1, 12);
});

test(
  "the command line shows it, filtered and as JSON, and follows it",
  async () => {
    const shown = await luna.run("audit", "--action", "mcp_server", "--outcome", "failed");
    expect(shown.code).toBe(0);
    expect(shown.stdout).toMatch(/failed +owner +mcp_server.create +audited .*there already/);
    const json = await luna.run("audit", "--json", "--since", "1h", "--actor", "mcp-audited");
    const events = json.stdout
      .trim()
      .split("\n")
      .map((line) => AuditEvent.parse(JSON.parse(line)));
    expect(events).toMatchObject([
      { action: "mcp.connect", actor: { kind: "client" } },
      { action: "tool.call", actor: { kind: "client" } },
    ]);
    const wrong = await luna.run("audit", "--since", "yesterday");
    expect(wrong.code).toBe(2);
    expect(wrong.stderr).toContain("how long ago");
    expect((await luna.run("audit", "--action", "Ä")).stderr).toContain("beginning of an action");

    const child = Bun.spawn([BINARY, "audit", "-f", "-n", "0"], {
      env: luna.environment,
      stdin: "ignore",
      stdout: "pipe",
    });
    let output = "";
    void (async () => {
      for await (const chunk of child.stdout) output += new TextDecoder().decode(chunk);
    })();
    await until(async () => {
      await callOnce("followed");
      return output.includes("followed");
    });
    child.kill();
    await child.exited;
  },
  TIMEOUT_MS,
);

async function callOnce(query: string): Promise<void> {
  await postJson("/api/supervisor/tools/execute/NOTES_GET_search", { query });
}

test(
  "while Luna is down the command line reads the database and what waits for it",
  async () => {
    await callOnce("the last one");
    sendSignal(await luna.pidOf("auth"), "SIGKILL");
    await luna.stop();
    const { code, stdout } = await luna.run("audit", "--json", "-n", "10000");
    expect(code).toBe(0);
    const events = stdout
      .trim()
      .split("\n")
      .map((line) => AuditEvent.parse(JSON.parse(line)));
    expect(countOf(events, "the last one")).toBe(1);
    expect(countOf(events, "while auth dies")).toBe(CALLS);
    expect(new Set(events.map(({ id }) => id)).size).toBe(events.length);
    expect(events.map(({ id }) => id)).toEqual(events.map(({ id }) => id).toSorted());
  },
  TIMEOUT_MS,
);

test("no secret is anywhere in it, and its rows cannot be changed", () => {
  const client = new Database(luna.paths.database);
  const rows = JSON.stringify(client.query("SELECT * FROM luna_audit").all());
  for (const secret of [...Object.values(luna.credentials), cookie.split("=")[1] ?? "", PLANTED]) {
    expect(rows).not.toContain(secret);
  }
  const change = () => client.run("UPDATE luna_audit SET outcome = 'ok'");
  expect(change).toThrow("append-only");
  const forget = () =>
    client.run("DELETE FROM luna_audit WHERE action = 'sign_in' AND outcome = 'refused'");
  expect(forget).toThrow("append-only");
  client.close();
});
