/** API keys on the compiled Luna, through Caddy, with the real OpenAI and MCP clients. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import OpenAI, { APIError } from "openai";
import { ApiKeyList, ApiKeysFile, NewApiKey } from "../../src/contract/api-keys.ts";
import { ErrorBody } from "../../src/contract/error.ts";
import { McpServerKey } from "../../src/contract/mcp-servers.ts";
import { Overview } from "../../src/contract/process.ts";
import { hashSecret } from "../../src/lib/secret.ts";
import { type LlmStandIn, startLlmStandIn } from "../support/llm-stand-in.ts";
import { type Luna, startLuna } from "../support/start-luna.ts";
import { until } from "../support/until.ts";

const TIMEOUT_MS = 60_000;
const SERVERS = ["work", "home"];
const READING = ["NOTES_GET_all", "NOTES_GET_search"];
const WRITING = ["NOTES_UPDATE_create", "NOTES_UPDATE_delete", "NOTES_UPDATE_update"];
const ALL = [...READING, ...WRITING];
const HELLO = { model: "simple_agent", messages: [{ role: "user" as const, content: "Go" }] };

let luna: Luna;
let llm: LlmStandIn;
/** Every secret that was told, none of which may be anywhere afterwards. */
const told: string[] = [];

beforeAll(async () => {
  llm = startLlmStandIn();
  luna = await startLuna({
    environment: { OPENAI_BASE_URL: llm.url, OPENAI_API_KEY: "sk-stand-in" },
  });
  for (const name of SERVERS) {
    const made = await send("/mcp-servers/create", "POST", { name });
    told.push(McpServerKey.parse(made).api_key);
  }
  await until(async () => (await (await luna.control("/tools/all")).text()).includes("NOTES_GET"));
}, TIMEOUT_MS);
afterAll(async () => {
  await luna.stop();
  const left = luna.processes();
  await luna.remove();
  await llm.stop();
  expect(left).toEqual([]);
}, TIMEOUT_MS);

async function send(path: string, method: string, body?: unknown): Promise<unknown> {
  const answer = await luna.control(path, {
    method,
    ...(body === undefined
      ? {}
      : { headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) }),
  });
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
  return answer.json();
}

let count = 0;
async function create(scopes: object, more: object = {}): Promise<NewApiKey> {
  count += 1;
  const made = await send("/api-keys", "POST", { name: `key ${count}`, scopes, ...more });
  const key = NewApiKey.parse(made);
  told.push(key.api_key);
  return key;
}

const listed = async () => ApiKeyList.parse(await send("/api-keys", "GET"));

function openai(apiKey: string): OpenAI {
  return new OpenAI({ baseURL: `${luna.url}/api/agent/v1`, apiKey, maxRetries: 0 });
}

async function mcp(key: string, server = "work"): Promise<Client> {
  const client = new Client({ name: "test", version: "1" });
  const url = new URL(`${luna.url}/api/mcp-${server}/mcp`);
  const requestInit = { headers: { Authorization: `Bearer ${key}` } };
  await client.connect(new StreamableHTTPClientTransport(url, { requestInit }));
  return client;
}

function modelsWith(key: string): Promise<Response> {
  return fetch(`${luna.url}/api/agent/v1/models`, { headers: { Authorization: `Bearer ${key}` } });
}

function pingWith(key: string, server = "work"): Promise<Response> {
  return fetch(`${luna.url}/api/mcp-${server}/mcp`, {
    method: "POST",
    headers: {
      Authorization: `Bearer ${key}`,
      "Content-Type": "application/json",
      Accept: "application/json, text/event-stream",
    },
    body: JSON.stringify({ jsonrpc: "2.0", id: 1, method: "ping" }),
  });
}

async function refusal(answer: Response) {
  const { code, message } = ErrorBody.parse(await answer.json()).error;
  return { status: answer.status, code, message };
}

async function failureOf(promise: PromiseLike<unknown>): Promise<APIError> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof APIError) return error;
    throw error;
  }
  throw new Error("expected an APIError");
}

/** The tools that the model was shown in the last request. */
function shownTools(): string[] {
  const request = llm.requests.at(-1)?.body as { tools?: { function: { name: string } }[] };
  return (request.tools ?? []).map((tool) => tool.function.name).sort();
}

describe("scopes", () => {
  const cases: [string, object, { agent: boolean; servers: string[]; tools: string[] }][] = [
    [
      "everything",
      { agents: "all", mcp_servers: "all" },
      { agent: true, servers: SERVERS, tools: ALL },
    ],
    ["agents alone", { agents: "all" }, { agent: true, servers: [], tools: ALL }],
    ["one agent", { agents: ["simple_agent"] }, { agent: true, servers: [], tools: ALL }],
    ["another agent", { agents: ["other"] }, { agent: false, servers: [], tools: [] }],
    ["one server", { mcp_servers: ["home"] }, { agent: false, servers: ["home"], tools: ALL }],
    [
      "reading",
      { agents: "all", mcp_servers: "all", read_only: true },
      { agent: true, servers: SERVERS, tools: READING },
    ],
    [
      "tools by pattern",
      { agents: "all", mcp_servers: "all", tools: ["NOTES_UPDATE_*"] },
      { agent: true, servers: SERVERS, tools: WRITING },
    ],
    [
      "a tool by name",
      { agents: "all", mcp_servers: ["work"], tools: ["NOTES_GET_all"] },
      { agent: true, servers: ["work"], tools: ["NOTES_GET_all"] },
    ],
  ];
  test.each(cases)(
    "%s",
    async (_what, scopes, { agent, servers, tools }) => {
      const { api_key } = await create(scopes);
      const client = openai(api_key);
      if (agent) {
        expect((await client.models.list()).data.map(({ id }) => id)).toEqual(["simple_agent"]);
        llm.script(
          { tool_calls: [{ name: "NOTES_UPDATE_create", arguments: { title: "By an agent" } }] },
          { text: "Done." },
        );
        const answer = await client.chat.completions.create(HELLO);
        expect(answer.choices[0]?.message.content).toBe("Done.");
        expect(shownTools()).toEqual([...tools].sort());
        const heard = JSON.stringify(llm.requests.at(-1)?.body);
        const isWritten = !heard.includes("There is no tool");
        expect(isWritten).toBe(tools.includes("NOTES_UPDATE_create"));
      } else {
        const error = await failureOf(client.chat.completions.create(HELLO));
        expect([error.status, error.code]).toEqual([403, "insufficient_scope"]);
        expect(error.message).toContain("its scope needs");
      }
      for (const server of SERVERS) {
        if (!servers.includes(server)) {
          const { status, code, message } = await refusal(await pingWith(api_key, server));
          expect([status, code]).toEqual([403, "insufficient_scope"]);
          expect(message).toContain(`its scope needs the MCP server "${server}"`);
          continue;
        }
        const connected = await mcp(api_key, server);
        const names = (await connected.listTools()).tools.map(({ name }) => name);
        expect(names.sort()).toEqual([...tools].sort());
        for (const name of ["NOTES_GET_all", "NOTES_UPDATE_create"]) {
          const call = connected.callTool({
            name,
            arguments: name.includes("GET") ? {} : { title: "x" },
          });
          if (tools.includes(name)) expect((await call).isError).toBe(false);
          else await expect(call).rejects.toThrow("insufficient_scope");
        }
        await connected.close();
      }
    },
    TIMEOUT_MS,
  );

  test("a change counts with the next request", async () => {
    const { api_key, key } = await create({ agents: "all" });
    expect((await pingWith(api_key)).status).toBe(403);
    await send(`/api-keys/${key.id}`, "PATCH", { scopes: { mcp_servers: ["work"] } });
    expect((await pingWith(api_key)).status).toBe(200);
    expect((await modelsWith(api_key)).status).toBe(403);
  });
});

test("a key follows its server to another name, and opens no later server of the old one", async () => {
  const before = await send("/mcp-servers/create", "POST", { name: "den" });
  told.push(McpServerKey.parse(before).api_key);
  const { api_key, key } = await create({ mcp_servers: ["den"] });
  const opened = async () => (await listed()).keys.find(({ id }) => id === key.id)?.scopes;
  await send("/mcp-servers/den", "PATCH", { name: "study" });
  const later = await send("/mcp-servers/create", "POST", { name: "den" });
  told.push(McpServerKey.parse(later).api_key);
  expect((await pingWith(api_key, "study")).status).toBe(200);
  expect((await pingWith(api_key, "den")).status).toBe(403);
  expect(await opened()).toMatchObject({ mcp_servers: ["study"] });
  await send("/mcp-servers/study", "DELETE");
  await send("/mcp-servers/den", "PATCH", { name: "study" });
  expect((await pingWith(api_key, "study")).status).toBe(403);
  expect(await opened()).toMatchObject({ mcp_servers: [] });
  await send("/mcp-servers/study", "DELETE");
  const refused = await luna.control(`/api-keys/${key.id}`, {
    ...{ method: "PATCH", headers: { "Content-Type": "application/json" } },
    body: JSON.stringify({ scopes: { mcp_servers: ["den"] } }),
  });
  expect(await refusal(refused)).toMatchObject({ status: 422, code: "invalid_input" });
  const { stdout } = await luna.run("audit", "--action", "key.change", "--outcome", "failed");
  expect(stdout).toContain("there is none of that name");
});

describe("the end of a key", () => {
  test("a revoked key, an expired one and one that never was are the same 401 at once", async () => {
    const revoked = await create({ agents: "all", mcp_servers: "all" });
    const expires_at = new Date(Date.now() + 1500).toISOString();
    const expiring = await create({ agents: "all", mcp_servers: "all" }, { expires_at });
    for (const { api_key } of [revoked, expiring]) {
      expect((await modelsWith(api_key)).status).toBe(200);
      expect((await pingWith(api_key)).status).toBe(200);
    }
    await send(`/api-keys/${revoked.key.id}`, "DELETE");
    await until(async () => (await modelsWith(expiring.api_key)).status === 401);
    expect(Date.now()).toBeGreaterThanOrEqual(Date.parse(expires_at));
    for (const ask of [modelsWith, pingWith]) {
      const unknown = await refusal(await ask(`sk-luna-${"A".repeat(43)}`));
      expect(unknown.status).toBe(401);
      expect(await refusal(await ask(revoked.api_key))).toEqual(unknown);
      expect(await refusal(await ask(expiring.api_key))).toEqual(unknown);
    }
    const error = await failureOf(openai(revoked.api_key).models.list());
    expect(error.status).toBe(401);
  });

  test("keys are checked and revoked while sign-in is down", async () => {
    const { api_key, key } = await create({ agents: "all" });
    await send("/services/auth/stop", "POST");
    expect((await modelsWith(api_key)).status).toBe(200);
    await send(`/api-keys/${key.id}`, "DELETE");
    expect((await modelsWith(api_key)).status).toBe(401);
    await send("/services/auth/start", "POST");
    await luna.pidOf("auth");
  });

  test("a rotated key works until its grace ends", async () => {
    const { api_key: old, key } = await create({ agents: "all", mcp_servers: "all" });
    const rotate = async (grace_s: number): Promise<string> => {
      const made = NewApiKey.parse(await send(`/api-keys/${key.id}/rotate`, "POST", { grace_s }));
      told.push(made.api_key);
      return made.api_key;
    };
    const next = await rotate(2);
    for (const one of [old, next]) expect((await modelsWith(one)).status).toBe(200);
    await until(async () => (await modelsWith(old)).status === 401);
    expect((await pingWith(old)).status).toBe(401);
    const last = await rotate(0);
    expect((await modelsWith(next)).status).toBe(401);
    expect((await modelsWith(last)).status).toBe(200);
  });

  test("AGENT_API_KEY is replaced at once, and no process is started again for it", async () => {
    const pids = await Promise.all(["agent", "mcp", "caddy"].map((name) => luna.pidOf(name)));
    const old = luna.credentials.agentKey;
    const cookie = await luna.signIn();
    expect((await modelsWith(old)).status).toBe(200);
    const made = await send("/agents/regenerate-key", "POST");
    const { api_key } = made as { api_key: string };
    told.push(old);
    expect((await modelsWith(old)).status).toBe(401);
    expect((await openai(api_key).models.list()).data).toHaveLength(1);
    const behindEdge = await fetch(`${luna.url}/api/agent/v1/models`, {
      headers: { Cookie: cookie },
    });
    expect(behindEdge.status).toBe(200);
    expect(await send("/agents/api-key", "GET")).toEqual({ api_key });
    // By hand, as well.
    const env = await readFile(luna.paths.env, "utf8");
    await Bun.write(luna.paths.env, env.replace(api_key, "sk-luna-written-by-hand"));
    told.push(api_key);
    await until(async () => (await modelsWith("sk-luna-written-by-hand")).status === 200);
    expect((await modelsWith(api_key)).status).toBe(401);
    expect(await Promise.all(["agent", "mcp", "caddy"].map((name) => luna.pidOf(name)))).toEqual(
      pids,
    );
  });
});

test("a limit is told with every answer, and kept by each process for itself", async () => {
  const rate_limit = { requests: 3, window_s: 600 };
  const { api_key } = await create({ agents: "all", mcp_servers: "all" }, { rate_limit });
  for (const ask of [modelsWith, pingWith]) {
    for (const left of [2, 1, 0]) {
      const answer = await ask(api_key);
      expect(answer.status).toBe(200);
      expect(answer.headers.get("RateLimit-Policy")).toBe('"key";q=3;w=600');
      expect(answer.headers.get("RateLimit")).toMatch(new RegExp(`^"key";r=${left};t=\\d+$`));
    }
    const limited = await ask(api_key);
    const wait = Number(limited.headers.get("Retry-After"));
    expect(wait).toBeGreaterThan(190);
    expect(wait).toBeLessThanOrEqual(200);
    expect(limited.headers.get("RateLimit")).toBe(`"key";r=0;t=${wait}`);
    expect(await refusal(limited)).toMatchObject({ status: 429, code: "rate_limited" });
  }
  const error = await failureOf(openai(api_key).models.list());
  expect(error.status).toBe(429);
  expect(error.headers?.get("retry-after")).toMatch(/^\d+$/);
});

test("the command line makes, lists, rotates and revokes keys", async () => {
  const none = await luna.run("keys", "create", "CI");
  expect(none.code).toBe(2);
  expect(none.stderr).toContain("say what it opens");
  const made = await luna.run(
    ...["keys", "create", "CI", "--agents", "all", "--mcp", "work,home", "--tools", "NOTES_*"],
    ...["--read-only", "--expires", "90d", "--rate", "100/60s"],
  );
  const key = made.stdout.trim();
  told.push(key);
  expect(key).toMatch(/^sk-luna-[\w-]{43}$/);
  expect(made.stderr).toContain("the only time");
  expect((await modelsWith(key)).headers.get("RateLimit-Policy")).toBe('"key";q=100;w=60');
  const { stdout } = await luna.run("keys", "list");
  expect(stdout).toContain("agents: all; mcp: work,home; tools: NOTES_*; read-only");
  expect(stdout).toContain(`…${key.slice(-4)}`);
  expect(stdout).toContain("AGENT_API_KEY");
  expect(stdout).not.toContain(key);
  const json = await luna.run("keys", "list", "--json");
  expect(ApiKeyList.parse(JSON.parse(json.stdout)).keys.at(-1)).toMatchObject({
    name: "CI",
    scopes: { agents: "all", mcp_servers: ["work", "home"], tools: ["NOTES_*"], read_only: true },
  });
  const rotated = await luna.run("keys", "rotate", "ci", "--grace", "0", "--json");
  const { api_key } = NewApiKey.parse(JSON.parse(rotated.stdout));
  told.push(api_key);
  expect((await modelsWith(key)).status).toBe(401);
  expect((await modelsWith(api_key)).status).toBe(200);
  const own = await luna.run("keys", "rotate", "AGENT_API_KEY", "--grace", "1h");
  told.push("sk-luna-written-by-hand");
  expect(own.stderr).toContain("works for another 1h");
  for (const one of ["sk-luna-written-by-hand", own.stdout.trim()]) {
    expect((await modelsWith(one)).status).toBe(200);
  }
  const revoked = await luna.run("keys", "revoke", "CI");
  expect(revoked.stdout).toContain('"CI" does not work any more');
  expect((await modelsWith(api_key)).status).toBe(401);
  for (const [args, code] of [
    [["revoke", "CI"], 1],
    [["rotate", "nobody"], 1],
    [["forget", "CI"], 2],
    [[], 2],
  ] as const) {
    expect((await luna.run("keys", ...args)).code).toBe(code);
  }
});

test(
  "the last use is known soon, and not lost at the stop",
  async () => {
    const { api_key, key } = await create({ agents: "all", mcp_servers: "all" });
    const lastUse = async () => (await listed()).keys.find(({ id }) => id === key.id)?.last_used_at;
    expect(await lastUse()).toBe(null);
    const before = Date.now();
    await modelsWith(api_key);
    const first = await until(lastUse, { what: "the first use" });
    expect(Date.parse(first)).toBeGreaterThanOrEqual(before);
    await pingWith(api_key);
    await luna.stop();
    const file = ApiKeysFile.parse(JSON.parse(await readFile(luna.paths.apiKeys, "utf8")));
    expect(Date.parse(file.keys[key.id]?.last_used_at ?? "")).toBeGreaterThan(Date.parse(first));
    expect(file.agent_key?.last_used_at).not.toBe(null);
    luna = await startLuna({
      ...{ home: luna.home, offset: luna.ports.supervisor - 9999 },
      environment: { OPENAI_BASE_URL: llm.url, OPENAI_API_KEY: "sk-stand-in" },
    });
    expect((await modelsWith(api_key)).status).toBe(200);
  },
  TIMEOUT_MS,
);

test("a list of keys that is broken by hand is named, kept, and taken up when it is mended", async () => {
  const { api_key } = await create({ agents: "all" });
  expect((await modelsWith(api_key)).status).toBe(200);
  const path = luna.paths.apiKeys;
  const good = await readFile(path, "utf8");
  await Bun.write(path, good.replace('"version": 1,', '"version": oops,'));
  const problems = async () =>
    Overview.parse(await (await luna.control("/overview")).json()).problems;
  const problem = await until(async () => (await problems()).find(({ id }) => id === "api-keys"), {
    what: "the problem",
  });
  expect(problem.title).toContain(`"${path}": line 2, column 14 is not valid JSON`);
  // What was good before is so still, and nothing is written over it.
  expect((await modelsWith(api_key)).status).toBe(200);
  const refused = await luna.control("/api-keys", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ name: "never", scopes: { agents: "all" } }),
  });
  expect(refused.status).toBe(422);
  await Bun.write(path, good);
  await until(async () => (await problems()).every(({ id }) => id !== "api-keys"));
  expect((await modelsWith(api_key)).status).toBe(200);
});

test("no key that was told is anywhere afterwards: not in a file, an answer, or a process", async () => {
  expect(told.length).toBeGreaterThan(15);
  const current = luna.credentials.agentKey;
  const files = await readdir(luna.home, { recursive: true, withFileTypes: true });
  let read = 0;
  for (const file of files) {
    if (!file.isFile()) continue;
    const path = join(file.parentPath, file.name);
    const text = await readFile(path, "latin1");
    read += 1;
    for (const secret of told) {
      if (text.includes(secret)) throw new Error(`${path} has ${secret.slice(0, 12)}…`);
    }
    if (path !== luna.paths.env && text.includes(current)) throw new Error(`${path} has the key`);
  }
  expect(read).toBeGreaterThan(15);
  const keys = await readFile(luna.paths.apiKeys, "utf8");
  expect(keys).toContain(hashSecret(current));
  const hashes = [...keys.matchAll(/"(?:key|previous)_hash": "([0-9a-f]{64})"/g)].map(
    ([, hash]) => hash,
  );
  expect(hashes.length).toBeGreaterThan(5);
  const answers = [
    JSON.stringify(await listed()),
    await (await luna.control("/overview")).text(),
    await (await luna.control("/logs?limit=1000")).text(),
    (await luna.run("keys", "list", "--json")).stdout,
  ].join();
  for (const secret of [...told, ...hashes, current]) expect(answers).not.toContain(secret ?? "");
  const processes = luna.processes();
  expect(processes.length).toBeGreaterThan(4);
  for (const { pid } of processes) {
    const seen = await readFile(`/proc/${pid}/environ`, "latin1");
    const command = await readFile(`/proc/${pid}/cmdline`, "latin1");
    for (const secret of [...told, current]) expect(seen + command).not.toContain(secret);
  }
});
