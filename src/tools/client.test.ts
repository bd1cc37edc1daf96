/** The client against hosts and supervisors that misbehave; real hosts are in src/services/tool-host. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type HostAnswer, HostDouble } from "../../tests/support/host-double.ts";
import { MemoryTrail } from "../../tests/support/memory-trail.ts";
import { until } from "../../tests/support/until.ts";
import { MasterConfigStore } from "../config/master-config.ts";
import { type Paths, pathsOf } from "../config/paths.ts";
import { writeJsonAtomic } from "../lib/files.ts";
import { serve } from "../lib/serve.ts";
import { ToolCatalogue } from "./catalogue.ts";
import { ToolClient } from "./client.ts";
import { hostSocketPath, publishHostSocket } from "./host-socket.ts";

const log = { debug() {}, info() {}, warn() {}, error() {} };
type Answer = (request: Request) => Response | Promise<Response>;

let paths: Paths;
let servers: { stop(force?: boolean): Promise<void> }[];
let requests: string[];

beforeEach(async () => {
  servers = [];
  requests = [];
  paths = pathsOf(mkdtempSync(join(tmpdir(), "luna-client-")));
  for (const folder of [paths.tools, paths.run, join(paths.extensions, "notes")]) {
    mkdirSync(folder, { recursive: true });
  }
  await writeTool({ timeout_ms: 20 });
});

async function writeTool(limits: { timeout_ms?: number }): Promise<void> {
  const tool = { name: "T", description: "T", input_schema: { type: "object" }, ...limits };
  const file = { extension: "notes", content_hash: "", system_prompt: "", problems: [] };
  await writeJsonAtomic(paths.toolsFile("notes"), { ...file, tools: [tool] });
}

afterEach(async () => {
  await Promise.all(servers.map((server) => server.stop(true)));
  rmSync(paths.home, { recursive: true });
});

function host(pid: number, answer: HostAnswer, isBlocked = false): HostDouble {
  const unix = hostSocketPath(paths.toolHostSocket("notes"), pid);
  const double = new HostDouble({ unix, answer, isBlocked });
  servers.push(double);
  publishHostSocket(paths.toolHostSocket("notes"), pid);
  return double;
}

function supervisor(answer: Answer): string {
  const fetch = (request: Request): Response | Promise<Response> => {
    requests.push(new URL(request.url).pathname);
    return answer(request);
  };
  const server = serve({ fetch, listen: { port: 0 } });
  servers.push(server);
  return `http://127.0.0.1:${server.port}`;
}

let audit: MemoryTrail;

function client(supervisorUrl = supervisor(() => new Response("unexpected", { status: 500 }))) {
  const config = new MasterConfigStore(paths.masterConfig);
  const catalogue = new ToolCatalogue({ paths, config });
  audit = new MemoryTrail();
  return new ToolClient({ paths, catalogue, config, supervisorUrl, token: "t", audit, log });
}

const caller = { actor: { kind: "local", name: "test" }, address: null } as const;
const call = { tool: "T", arguments: {}, caller };
const failed = (text: string) => ({ success: false, payload: expect.stringContaining(text) });
const RESULT = { success: true, payload: 1 };
const good: HostAnswer = () => [["end", RESULT]];
const never: HostAnswer = () => [];

test("a tool that is offered under a longer name is called by its own", async () => {
  mkdirSync(join(paths.extensions, "aaa"));
  const tool = { name: "T", description: "T", input_schema: { type: "object" } };
  const file = { extension: "aaa", content_hash: "", system_prompt: "", problems: [] };
  await writeJsonAtomic(paths.toolsFile("aaa"), { ...file, tools: [tool] });
  const { asked } = host(process.pid, good);
  const result = await client().call({ ...call, tool: "notes__T" });
  expect(result).toMatchObject({ success: true });
  expect(asked.map(({ body }) => body)).toMatchObject([{ name: "T" }]);
  expect(audit.events).toMatchObject([{ target: "notes__T", outcome: "ok" }]);
});

test("a supervisor that cannot be reached is a failure that says so", async () => {
  const gone = supervisor(() => new Response());
  await servers.pop()?.stop(true);
  expect(await client(gone).call(call)).toEqual(failed("the supervisor, which starts"));
});

test("a supervisor's refusal is told in its own words", async () => {
  const error = { code: "conflict", message: 'Cannot start "notes": it is crashing' };
  const refusing = supervisor(() => Response.json({ error }, { status: 409 }));
  expect(await client(refusing).call(call)).toEqual(failed("it is crashing"));
});

test("calls that come together share one start", async () => {
  const starting = supervisor(() => {
    host(1234, good);
    return Response.json({ pid: 1234 });
  });
  const one = client(starting);
  const results = await Promise.all([one.call(call), one.call(call), one.call(call)]);
  expect(results).toEqual([RESULT, RESULT, RESULT]);
  expect(requests).toEqual(["/tool-hosts/notes/start"]);
});

test("a host that never listens is started a bounded number of times", async () => {
  const lying = supervisor(() => Response.json({ pid: 1 }));
  expect(await client(lying).call(call)).toEqual(failed("does not listen"));
  expect(requests).toHaveLength(2);
});

test("a caller that leaves during the start is let go", async () => {
  const leaving = new AbortController();
  const slow = supervisor(() => {
    leaving.abort(new Error("left"));
    return Response.json({ pid: 1 });
  });
  await expect(client(slow).call({ ...call, signal: leaving.signal })).rejects.toThrow("left");
});

const LONG = "x".repeat(4 * 1024 * 1024);
const progress = ["event", { event: "progress", progress: 1 }] as const;

test.each<[string, HostAnswer, string]>([
  ["an endless answer", () => [["endless", LONG]], "too large"],
  ["an answer above the bound", () => [["end", { success: true, payload: LONG }]], "too large"],
  ["an answer that is no result", () => [["end", []]], "not a tool's result"],
  ["an answer that is nearly one", () => [["end", { success: "maybe" }]], "not a tool's result"],
  ["an answer of no known kind", () => [["redirect", {}]], "not a tool's result"],
  ["a refusal", () => [["refused", {}]], "it refused the call"],
  ["what is no line of the protocol", () => [["", ""]], "not a tool's result"],
  ["an event of no known kind", () => [["event", { event: "joke" }]], "not a tool's result"],
])("%s is not read", async (_, answer, text) => {
  host(4321, answer);
  expect(await client().call(call)).toEqual(failed(text));
  expect(requests).toEqual([]);
});

test("a host that is late but answers others is not stopped", async () => {
  host(77, never);
  expect(await client().call(call)).toEqual(failed("within its limit of 20 ms"));
  expect(requests).toEqual([]);
});

test("the host that was called is stopped, not the one that came after it", async () => {
  let stopped: unknown;
  const stopping = supervisor(async (request) => {
    stopped = await request.json();
    return Response.json({ stopped: true });
  });
  const isBlocked = true;
  const answer: HostAnswer = () => {
    publishHostSocket(paths.toolHostSocket("notes"), 78);
    return [];
  };
  host(77, answer, isBlocked);
  expect(await client(stopping).call(call)).toEqual(failed("which was stopped"));
  expect(requests).toEqual(["/tool-hosts/notes/stop"]);
  expect(stopped).toEqual({ pid: 77, reason: expect.stringContaining('"T"') });
});

test("each call is recorded once: who, which tool, what came of it, and how long it took", async () => {
  host(process.pid, good);
  const tools = client();
  await tools.call(call);
  const told = { ...caller, action: "tool.call", target: "T", details: null };
  const duration_ms = expect.any(Number);
  expect(audit.events).toEqual([{ ...told, outcome: "ok", duration_ms }]);
  await expect(tools.call({ ...call, tool: "U" })).rejects.toThrow("there is no tool");
  const reason = 'Cannot run "U": there is no tool of that name';
  expect(audit.events.slice(1)).toEqual([
    { ...told, target: "U", outcome: "failed", duration_ms, details: { reason } },
  ]);
});

const QUESTION = { method: "roots/list", params: {} };

test("what a tool tells comes before its end, and questions are answered in the same process", async () => {
  const asks = ["end", { call: "c", questions: { q: QUESTION } }] as const;
  const { asked } = host(process.pid, ({ word }) =>
    word === "answer" ? [["end", RESULT]] : [progress, asks],
  );
  const events: unknown[] = [];
  const abilities = { asks: ["roots" as const], progress: true, log_level: null };
  const one = client();
  const outcome = await one.converse({
    ...call,
    abilities,
    onEvent: (event) => events.push(event),
  });
  expect(events).toEqual([{ event: "progress", progress: 1 }]);
  const ticket = { kind: "tool", name: "T", extension: "notes", pid: process.pid, call: "c" };
  expect(outcome).toMatchObject({ kind: "questions", ticket, questions: { q: QUESTION } });
  if (outcome.kind !== "questions") throw new Error("no questions");
  const answers = { q: { roots: [] } };
  expect(await one.resume({ ...call, ticket: outcome.ticket, answers, abilities })).toEqual({
    kind: "result",
    result: { success: true, payload: 1 },
  });
  expect(asked).toEqual([
    { word: "call", body: { name: "T", arguments: {}, abilities } },
    { word: "answer", body: { call: "c", answers, abilities } },
  ]);
  expect(audit.events.map(({ outcome }) => outcome)).toEqual(["ok", "ok"]);
  // A caller that cannot answer never gets questions.
  expect(await one.call(call)).toEqual(failed("nobody to answer"));
});

test("a call whose connection breaks is lost, and not repeated", async () => {
  const double = host(process.pid, () => [progress, "hang up"]);
  expect(await client().call(call)).toEqual(failed("ended during the call"));
  expect(double.asked).toHaveLength(1);
});

test("a host that says goodbye took nothing of what it did not answer: another gets it", async () => {
  const starting = supervisor(() => {
    host(2222, good);
    return Response.json({ pid: 2222 });
  });
  host(1111, () => [["bye", {}]]);
  expect(await client(starting).call(call)).toEqual(RESULT);
  expect(requests).toEqual(["/tool-hosts/notes/start"]);
});

test("a host that died between two calls is started again, and no call is lost", async () => {
  const first = host(1111, good);
  const starting = supervisor(() => {
    host(2222, good);
    return Response.json({ pid: 2222 });
  });
  const one = client(starting);
  expect(await one.call(call)).toEqual(RESULT);
  // In the same turn: nothing has told this process yet.
  void first.stop();
  expect(await one.call(call)).toEqual(RESULT);
  expect(requests).toEqual(["/tool-hosts/notes/start"]);
});

test("many calls share one connection, and a long one holds up no other", async () => {
  const held = Promise.withResolvers<void>();
  const double = host(process.pid, async ({ body }) => {
    const isHeld = JSON.stringify(body).includes("held");
    if (isHeld) await held.promise;
    const payload = "é".repeat(isHeld ? 400_000 : 3);
    return [["end", { success: true, payload }]];
  });
  const [one, waiting] = [client(), { ...call, arguments: { held: true } }];
  await writeJsonAtomic(paths.masterConfig, { tool_host: { call_timeout_ms: 10_000 } });
  await writeTool({});
  const long = one.call(waiting);
  const short = await Promise.all(Array.from({ length: 50 }, () => one.call(call)));
  expect(short).toEqual(Array.from({ length: 50 }, () => ({ success: true, payload: "ééé" })));
  held.resolve();
  expect(await long).toEqual({ success: true, payload: "é".repeat(400_000) });
  expect(double.connections).toBe(1);
});

test("a caller that leaves is told of at its host", async () => {
  await writeTool({});
  const double = host(process.pid, never);
  const leaving = new AbortController();
  const left = client().call({ ...call, signal: leaving.signal });
  await until(() => double.asked.length === 1);
  leaving.abort(new Error("left"));
  await expect(left).rejects.toThrow("left");
  await until(() => double.asked.length === 2);
  expect(double.asked[1]?.word).toBe("gone");
});

test("a call that its host has forgotten is not repeated", async () => {
  host(process.pid, () => [["forgotten", {}]]);
  const one = client();
  const ticket = {
    kind: "tool",
    name: "T",
    extension: "notes",
    pid: process.pid,
    call: "c",
  } as const;
  expect(await one.resume({ ...call, ticket, answers: {} })).toMatchObject({
    result: failed("does not wait for answers any more"),
  });
  expect(await one.resume({ ...call, ticket: { ...ticket, pid: 1 }, answers: {} })).toMatchObject({
    result: failed("does not wait for answers any more"),
  });
});
