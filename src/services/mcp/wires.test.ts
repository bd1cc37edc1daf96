/** Both wires over real HTTP, message by message: sessions and their bounds, streams, and what each wire refuses. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import type { Server } from "bun";
import { z } from "zod";
import { NO_OAUTH, noKeys } from "../../../tests/support/api-keys.ts";
import { catalogueOf, toolSource } from "../../../tests/support/tool-source.ts";
import { until } from "../../../tests/support/until.ts";
import { MasterConfig, McpServer } from "../../contract/config.ts";
import { createLogger } from "../../lib/log.ts";
import { hashSecret } from "../../lib/secret.ts";
import { serve } from "../../lib/serve.ts";
import { createMcpApp, type McpAppOptions } from "./app.ts";

const KEY = "sk-luna-work";
const OTHER_KEY = "sk-luna-other";
const GONE_MS = 200;
const tool = (name: string, extension = "demo") => ({
  ...{ name, extension, description: name },
  input_schema: { type: "object" as const },
});
const CATALOGUE = catalogueOf({
  tools: [
    tool("echo"),
    tool("asks"),
    tool("changes"),
    tool("waits"),
    tool("late"),
    tool("other_one", "other"),
  ],
  resources: [{ uri: "demo://a", name: "a", extension: "demo" }],
  templates: [{ uri_template: "demo://n/{id}", name: "n", extension: "demo" }],
  prompts: [
    { name: "greet", arguments: [], extension: "demo" },
    { name: "bare", arguments: [], extension: "prompts_only" },
  ],
});

let config: MasterConfig;
let catalogue = CATALOGUE;
let server: Server<undefined>;
let waiting = 0;
let aborted = 0;
let cancelled = 0;
let ending: AbortController;
let finish: PromiseWithResolvers<void>;

const ROOTS = { method: "roots/list", params: {} } as const;
const TICKET = { kind: "tool", name: "asks", extension: "demo", pid: 1, call: "c" } as const;

const TOOLS = toolSource(
  async () => catalogue,
  async ({ tool: name, arguments: given, onEvent, signal }) => {
    if (name === "changes") {
      onEvent({ event: "changed", what: "tools" });
      onEvent({ event: "changed", uri: "demo://a" });
    }
    if (name === "late") await finish.promise;
    if (name === "waits") {
      waiting += 1;
      await new Promise((resolve) => signal?.addEventListener("abort", resolve));
      aborted += 1;
    }
    return { success: true, payload: given };
  },
  {
    resume: async ({ answers }) => ({
      kind: "result",
      result: { success: true, payload: { answers } },
    }),
    cancel: async () => {
      cancelled += 1;
    },
    serve: async ({ kind, arguments: given }) => ({
      kind: "result",
      result: {
        success: true,
        payload:
          kind === "prompt"
            ? { messages: [{ role: "user", content: { type: "text", text: "hi" } }] }
            : { contents: [{ uri: "x", text: JSON.stringify(given) }] },
      },
    }),
    complete: async (_, { value }) => [`${value}!`],
  },
);
const converse = TOOLS.client.converse;
TOOLS.client.converse = async (request) =>
  request.tool === "asks" && request.abilities.asks.includes("roots")
    ? { kind: "questions", ticket: TICKET, questions: { where: ROOTS } }
    : request.tool === "asks"
      ? { kind: "result", result: { success: false, payload: "cannot ask", needs: "roots" } }
      : converse(request);

const entry = (name: string, key: string, more: object = {}) =>
  McpServer.parse({
    ...{ name, key_hash: hashSecret(key), key_hint: "", created_at: "2026-01-01T00:00:00.000Z" },
    ...more,
  });
const configOf = (servers: McpServer[]) =>
  MasterConfig.parse({ mcp_servers: Object.fromEntries(servers.map((one) => [one.name, one])) });

function start(more: Partial<McpAppOptions> = {}, port = 0): void {
  ending = new AbortController();
  const app = createMcpApp({
    ...{ config: { read: async () => config }, tools: TOOLS, gate: noKeys(), oauth: NO_OAUTH },
    ...{ ownerToken: "owner", stopping: ending.signal },
    log: { ...createLogger("test"), info: () => undefined, debug: () => undefined },
    ...more,
  });
  server = serve({ fetch: app.fetch, listen: { port } });
}

async function restart(more: Partial<McpAppOptions> = {}): Promise<void> {
  const { port } = server;
  await server.stop(true);
  start(more, port);
}

beforeEach(() => {
  config = configOf([entry("work", KEY), entry("other", OTHER_KEY)]);
  catalogue = CATALOGUE;
  waiting = 0;
  aborted = 0;
  cancelled = 0;
  finish = Promise.withResolvers();
  start();
});
afterEach(async () => {
  ending.abort();
  await server.stop(true);
});

interface Sending {
  key?: string;
  name?: string;
  session?: string;
  headers?: Record<string, string>;
  method?: string;
  signal?: AbortSignal;
}

function send(body: unknown, sending: Sending = {}): Promise<Response> {
  const { key = KEY, name = "work", session, headers = {}, method = "POST", signal } = sending;
  return fetch(new URL(`/api/mcp-${name}/mcp`, server.url), {
    method,
    headers: {
      Authorization: `Bearer ${key}`,
      "Content-Type": "application/json",
      Accept: "application/json, text/event-stream",
      ...(session === undefined ? {} : { "Mcp-Session-Id": session }),
      ...headers,
    },
    ...(method === "POST" ? { body: JSON.stringify(body) } : {}),
    ...(signal === undefined ? {} : { signal }),
  });
}

const Message = z.looseObject({
  method: z.string().optional(),
  params: z.looseObject({}).optional(),
  result: z.looseObject({}).optional(),
  error: z.looseObject({ code: z.number(), message: z.string() }).optional(),
});
type Message = z.infer<typeof Message>;

/** The messages of a stream, as they come. */
async function* messagesOf(response: Response): AsyncGenerator<Message> {
  const decoder = new TextDecoder();
  let rest = "";
  if (response.body === null) return;
  for await (const piece of response.body) {
    const events = (rest + decoder.decode(piece, { stream: true })).split("\n\n");
    rest = events.pop() ?? "";
    for (const event of events) {
      const data = /^data: (.+)$/m.exec(event)?.[1];
      if (data !== undefined) yield Message.parse(JSON.parse(data));
    }
  }
}

/** The answer, whether it comes as JSON or as the last message of a stream. */
async function answerOf(response: Response): Promise<Message> {
  if (response.headers.get("Content-Type")?.includes("json")) {
    return Message.parse(await response.json());
  }
  let last: Message = {};
  for await (const message of messagesOf(response)) last = message;
  return last;
}

const request = (method: string, params: object = {}, id = 1) => ({
  ...{ jsonrpc: "2.0", id, method, params },
});
const INITIALIZE = request("initialize", {
  protocolVersion: "2025-11-25",
  capabilities: { roots: {} },
  clientInfo: { name: "t", version: "1" },
});

async function begin(sending: Sending = {}): Promise<string> {
  const response = await send(INITIALIZE, sending);
  expect(response.status).toBe(200);
  await response.text();
  return response.headers.get("Mcp-Session-Id") ?? "";
}
const statusOf = async (response: Response) => [
  response.status,
  (await answerOf(response)).error?.code,
];

const ENVELOPE = {
  "io.modelcontextprotocol/protocolVersion": "2026-07-28",
  "io.modelcontextprotocol/clientInfo": { name: "t", version: "1" },
  "io.modelcontextprotocol/clientCapabilities": { roots: {} },
};

function sendNew(method: string, params: object = {}, sending: Sending = {}): Promise<Response> {
  const name = z.looseObject({ name: z.string() }).safeParse(params).data?.name;
  return send(request(method, { _meta: ENVELOPE, ...params }), {
    ...sending,
    headers: {
      "MCP-Protocol-Version": "2026-07-28",
      "Mcp-Method": method,
      ...(name === undefined ? {} : { "Mcp-Name": name }),
      ...sending.headers,
    },
  });
}

test("a session is its key's and its server's alone", async () => {
  const session = await begin();
  expect(session).toMatch(/^[\x21-\x7e]+$/);
  const ping = request("ping");
  expect((await answerOf(await send(ping, { session }))).result).toEqual({});
  for (const sending of [
    { session, key: "owner" },
    { session, key: OTHER_KEY, name: "other" },
    { session: `${session}0` },
    { session: "made-up" },
    { session: await begin({ key: OTHER_KEY, name: "other" }) },
  ]) {
    expect(await statusOf(await send(ping, sending))).toEqual([404, -32001]);
    expect(await statusOf(await send(null, { ...sending, method: "GET" }))).toEqual([404, -32001]);
  }
});

test("who ends a session has ended it; without one there is nothing to end or to open", async () => {
  const session = await begin();
  expect((await send(null, { session, method: "DELETE" })).status).toBe(200);
  expect(await statusOf(await send(request("ping"), { session }))).toEqual([404, -32001]);
  for (const method of ["GET", "DELETE"]) {
    expect((await send(null, { method })).status).toBe(405);
  }
});

test("sessions are bounded, and one that was forgotten begins anew unnoticed", async () => {
  await restart({ limits: { sessions: 2 } });
  const sessions = await Promise.all(Array.from({ length: 8 }, () => begin()));
  expect(new Set(sessions).size).toBe(8);
  for (const session of sessions) {
    const call = request("tools/call", { name: "echo", arguments: { a: 1 } });
    expect((await answerOf(await send(call, { session }))).result).toMatchObject({
      structuredContent: { a: 1 },
    });
  }
});

test("a session outlives the process, with what its client said of itself", async () => {
  const session = await begin();
  await restart();
  const call = request("tools/call", { name: "asks", arguments: {} }, 7);
  const stream = messagesOf(await send(call, { session }));
  const asked = (await stream.next()).value;
  expect(asked).toMatchObject({ method: "roots/list" });
  const answer = { jsonrpc: "2.0", id: asked?.["id"], result: { roots: [{ uri: "file:///x" }] } };
  expect((await send(answer, { session })).status).toBe(202);
  expect((await stream.next()).value).toMatchObject({
    id: 7,
    result: { structuredContent: { answers: { where: { roots: [{ uri: "file:///x" }] } } } },
  });
  await restart({ ownerToken: "another secret" });
  expect(await statusOf(await send(call, { session }))).toEqual([404, -32001]);
});

test("a call that waits for an answer ends with its cancellation", async () => {
  const session = await begin();
  const call = request("tools/call", { name: "asks", arguments: {} }, 9);
  const stream = messagesOf(await send(call, { session }));
  expect((await stream.next()).value).toMatchObject({ method: "roots/list" });
  const method = "notifications/cancelled";
  await send({ jsonrpc: "2.0", method, params: { requestId: 9 } }, { session });
  await until(() => cancelled === 1, { what: "the tool host to be told" });
});

test("without a session a tool is told that nobody can be asked", async () => {
  const call = request("tools/call", { name: "asks", arguments: {} });
  expect((await answerOf(await send(call))).result).toMatchObject({
    isError: true,
    content: [{ text: "cannot ask" }],
  });
});

test("sessions hear of what changes, and only of what they are offered", async () => {
  config = configOf([
    entry("work", KEY),
    entry("other", OTHER_KEY, {
      tool_config: Object.fromEntries(
        CATALOGUE.tools
          .filter(({ extension }) => extension === "demo")
          .map(({ name }) => [name, { enabled_in_mcp: false }]),
      ),
    }),
  ]);
  const session = await begin();
  const others = await begin({ key: OTHER_KEY, name: "other" });
  const heard: string[] = [];
  const heardByOthers: string[] = [];
  const listen = async (to: string[], sending: Sending) => {
    const stream = await send(null, { ...sending, method: "GET" });
    expect(stream.headers.get("Content-Type")).toBe("text/event-stream");
    for await (const { method, params } of messagesOf(stream)) {
      to.push(`${method} ${params?.["uri"] ?? ""}`.trim());
    }
  };
  const listening = listen(heard, { session });
  const theirs = { session: others, key: OTHER_KEY, name: "other" };
  const listeningToo = listen(heardByOthers, theirs);
  const subscribe = request("resources/subscribe", { uri: "demo://a" });
  expect((await answerOf(await send(subscribe, { session }))).result).toEqual({});
  expect(
    await statusOf(await send(request("resources/subscribe", { uri: "no://where" }), { session })),
  ).toEqual([200, -32602]);
  const change = request("tools/call", { name: "changes", arguments: {} });
  await answerOf(await send(change, { session }));
  await until(() => heard.length >= 2, { what: "both changes to be heard" });
  expect(heard).toEqual([
    "notifications/tools/list_changed",
    "notifications/resources/updated demo://a",
  ]);
  catalogue = { ...CATALOGUE, prompts: [] };
  await until(() => heard.length >= 3, { what: "the new catalogue to be noticed" });
  expect(heard[2]).toBe("notifications/prompts/list_changed");
  catalogue = { ...catalogue, tools: CATALOGUE.tools.slice(0, -1) };
  await until(() => heardByOthers.length >= 2, { what: "the others to hear" });
  // Prompts of an extension without tools are everybody's; the rest was none of theirs.
  expect(heardByOthers).toEqual([
    "notifications/prompts/list_changed",
    "notifications/tools/list_changed",
  ]);
  // The key is replaced: the stream ends.
  config = configOf([entry("work", "a new key")]);
  await Promise.all([listening, listeningToo]);
});

test("a client that broke off gets its answer when it comes back", async () => {
  const session = await begin();
  const leave = new AbortController();
  const headers = { "MCP-Protocol-Version": "2025-11-25" };
  const call = request("tools/call", { name: "late", arguments: {} }, 5);
  const response = await send(call, { session, headers, signal: leave.signal });
  const first = await response.body?.getReader().read();
  const id = /^id: (.+)$/m.exec(new TextDecoder().decode(first?.value))?.[1] ?? "";
  leave.abort();
  const back = await send(null, {
    session,
    method: "GET",
    headers: { ...headers, "Last-Event-ID": id },
  });
  finish.resolve();
  expect((await messagesOf(back).next()).value).toMatchObject({ id: 5, result: {} });
  expect(aborted).toBe(0);
});

test("a client that broke off and does not come back has its tool stopped", async () => {
  await restart({ limits: { goneMs: GONE_MS } });
  const session = await begin();
  const leave = new AbortController();
  const call = request("tools/call", { name: "waits", arguments: {} }, 3);
  const sent = send(call, { session, signal: leave.signal }).catch(() => undefined);
  await until(() => waiting === 1, { what: "the tool to run" });
  leave.abort();
  await sent;
  const left = performance.now();
  expect(aborted).toBe(0);
  await until(() => aborted === 1, { what: "the tool to be stopped" });
  // Not at once: it may come back for the answer.
  expect(performance.now() - left).toBeGreaterThan(GONE_MS * 0.8);
});

test("the new wire says what it serves, and lists with how long that holds", async () => {
  const discovered = (await answerOf(await sendNew("server/discover"))).result;
  expect(discovered).toMatchObject({
    supportedVersions: ["2026-07-28"],
    resultType: "complete",
    capabilities: { tools: { listChanged: true }, resources: { subscribe: true } },
  });
  for (const [method, key] of [
    ["tools/list", "tools"],
    ["resources/list", "resources"],
    ["resources/templates/list", "resourceTemplates"],
    ["prompts/list", "prompts"],
  ] as const) {
    const { result } = await answerOf(await sendNew(method));
    expect(result).toMatchObject({ resultType: "complete", ttlMs: 0, cacheScope: "private" });
    expect(result?.[key]).toBeArray();
  }
});

test("the new wire refuses what headers and body do not agree on, and what it does not know", async () => {
  const call = { name: "echo", arguments: {} };
  const refused = async (method: string, params: object, headers: Record<string, string>) =>
    statusOf(await sendNew(method, params, { headers }));
  expect(await refused("tools/call", call, { "Mcp-Method": "tools/list" })).toEqual([400, -32020]);
  expect(await refused("tools/call", call, { "Mcp-Name": "asks" })).toEqual([400, -32020]);
  const version = "2031-01-01";
  const _meta = { ...ENVELOPE, "io.modelcontextprotocol/protocolVersion": version };
  expect(await refused("tools/list", { _meta }, { "MCP-Protocol-Version": version })).toEqual([
    400, -32022,
  ]);
  expect(await refused("no/such", {}, {})).toEqual([404, -32601]);
  expect(await refused("tools/call", { name: "never_was" }, {})).toEqual([200, -32602]);
  expect((await sendNew("tools/list", {}, { key: "wrong" })).status).toBe(401);
});

test("what a client is asked on the new wire is answered with the state that it was given, by the same key", async () => {
  const call = { name: "asks", arguments: {} };
  const asked = (await answerOf(await sendNew("tools/call", call))).result;
  expect(asked).toMatchObject({ resultType: "input_required", inputRequests: { where: ROOTS } });
  const state = String(asked?.["requestState"]);
  expect(state).not.toContain(KEY);
  const retry = { ...call, inputResponses: { where: { roots: [] } }, requestState: state };
  expect((await answerOf(await sendNew("tools/call", retry))).result).toMatchObject({
    resultType: "complete",
    structuredContent: { answers: { where: { roots: [] } } },
  });
  const codeOf = async (params: object, sending: Sending = {}) =>
    (await answerOf(await sendNew("tools/call", params, sending))).error?.code;
  expect(await codeOf({ ...retry, requestState: `${state}0` })).toBe(-32602);
  expect(await codeOf({ ...retry, name: "echo" })).toBe(-32602);
  expect(await codeOf(retry, { key: OTHER_KEY, name: "other" })).toBe(-32602);
  expect(await codeOf(retry, { key: "owner" })).toBe(-32602);
  await restart();
  expect(await codeOf(retry)).toBeUndefined();
  const none = { ...ENVELOPE, "io.modelcontextprotocol/clientCapabilities": {} };
  expect(await statusOf(await sendNew("tools/call", { ...call, _meta: none }))).toEqual([
    400, -32021,
  ]);
});

test("who listens on the new wire hears of changes until its key is gone", async () => {
  const filter = { toolsListChanged: true, resourceSubscriptions: ["demo://a"] };
  const stream = messagesOf(await sendNew("subscriptions/listen", { notifications: filter }));
  expect((await stream.next()).value).toMatchObject({
    method: "notifications/subscriptions/acknowledged",
    params: { notifications: filter },
  });
  const change = { name: "changes", arguments: {} };
  await answerOf(await sendNew("tools/call", change));
  expect((await stream.next()).value?.method).toBe("notifications/tools/list_changed");
  expect((await stream.next()).value).toMatchObject({
    method: "notifications/resources/updated",
    params: { uri: "demo://a" },
  });
  config = configOf([entry("work", KEY, { tool_config: { echo: { enabled_in_mcp: false } } })]);
  expect((await stream.next()).value?.method).toBe("notifications/tools/list_changed");
  config = configOf([entry("work", KEY, { enabled: false })]);
  expect((await stream.next()).value).toMatchObject({ result: { resultType: "complete" } });
  expect((await stream.next()).done).toBe(true);
});

test("streams of both wires end when the process is about to", async () => {
  const session = await begin();
  const old = await send(null, { session, method: "GET" });
  const stream = messagesOf(await sendNew("subscriptions/listen", { notifications: {} }));
  await stream.next();
  ending.abort();
  expect((await stream.next()).value).toMatchObject({ result: {} });
  await old.text();
});

test("resources are read, also by pattern; prompts are got; both are completed", async () => {
  const read = async (uri: string) =>
    await answerOf(await sendNew("resources/read", { uri }, { headers: { "Mcp-Name": uri } }));
  expect((await read("demo://a")).result).toMatchObject({ contents: [{ text: "{}" }] });
  const template = await read("demo://n/a%20b");
  expect(template.result).toMatchObject({
    contents: [{ text: '{"uri":"demo://n/a%20b","variables":{"id":"a b"}}' }],
  });
  expect((await read("demo://nowhere")).error).toMatchObject({ code: -32602 });
  expect((await read("demo://n/%ZZ")).error).toMatchObject({ code: -32602 });
  const legacy = request("resources/read", { uri: "demo://nowhere" });
  expect((await answerOf(await send(legacy))).error).toMatchObject({ code: -32602 });
  for (const name of ["greet", "bare"]) {
    expect((await answerOf(await sendNew("prompts/get", { name }))).result).toMatchObject({
      messages: [{ role: "user", content: { text: "hi" } }],
    });
  }
  expect(await statusOf(await sendNew("prompts/get", { name: "none" }))).toEqual([200, -32602]);
  const complete = async (ref: object) =>
    answerOf(
      await sendNew("completion/complete", { ref, argument: { name: "who", value: "Ada" } }),
    );
  expect((await complete({ type: "ref/prompt", name: "greet" })).result).toMatchObject({
    completion: { values: ["Ada!"] },
  });
  expect((await complete({ type: "ref/resource", uri: "demo://n/{id}" })).result).toMatchObject({
    completion: { values: ["Ada!"] },
  });
  expect((await complete({ type: "ref/prompt", name: "none" })).error).toMatchObject({
    code: -32602,
  });
});
