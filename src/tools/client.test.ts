/** The client against hosts and supervisors that misbehave; real hosts are in src/services/tool-host. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { MemoryTrail } from "../../tests/support/memory-trail.ts";
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
let servers: Bun.Server<undefined>[];
let requests: string[];

beforeEach(async () => {
  servers = [];
  requests = [];
  paths = pathsOf(mkdtempSync(join(tmpdir(), "luna-client-")));
  for (const folder of [paths.tools, paths.run, join(paths.extensions, "notes")]) {
    mkdirSync(folder, { recursive: true });
  }
  const tool = { name: "T", description: "T", input_schema: { type: "object" }, timeout_ms: 20 };
  const file = { extension: "notes", content_hash: "", system_prompt: "", problems: [] };
  await writeJsonAtomic(paths.toolsFile("notes"), { ...file, tools: [tool] });
});

afterEach(async () => {
  await Promise.all(servers.map((server) => server.stop(true)));
  rmSync(paths.home, { recursive: true });
});

function host(pid: number, fetch: Answer): void {
  const unix = hostSocketPath(paths.toolHostSocket("notes"), pid);
  servers.push(serve({ fetch, listen: { unix } }));
  publishHostSocket(paths.toolHostSocket("notes"), pid);
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
const good = (): Response => Response.json({ success: true, payload: 1 });

test("a supervisor that cannot be reached is a failure that says so", async () => {
  const gone = supervisor(good);
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
  const result = { success: true, payload: 1 };
  expect(results).toEqual([result, result, result]);
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

const stream = (): Response =>
  new Response(
    new ReadableStream({
      pull: (controller) => controller.enqueue(new Uint8Array(65_536)),
    }),
  );

test.each([
  ["an endless answer", stream, "too large"],
  ["an answer above the bound", () => new Response("x".repeat(2_000_000)), "too large"],
  ["an answer that is no result", () => new Response("[]"), "not a tool's result"],
  ["a redirect", () => Response.redirect("http://127.0.0.1:1/", 307), "status is 307"],
  ["a refusal", () => new Response("no", { status: 422 }), "status is 422"],
])("%s is not read", async (_, answer, text) => {
  host(4321, answer);
  expect(await client().call(call)).toEqual(failed(text));
  expect(requests).toEqual([]);
});

test("an answer that inflates is not inflated", async () => {
  const body = Bun.gzipSync(JSON.stringify({ success: true, payload: "x".repeat(50_000_000) }));
  host(4321, () => new Response(body, { headers: { "Content-Encoding": "gzip" } }));
  expect(await client().call(call)).toEqual(failed("not a tool's result"));
});

test("a host that is late but answers others is not stopped", async () => {
  const never = new Promise<Response>(() => {});
  host(77, (request) => (request.url.endsWith("/healthz") ? new Response("ok") : never));
  expect(await client().call(call)).toEqual(failed("within its limit of 20 ms"));
  expect(requests).toEqual([]);
});

test("the host that was called is stopped, not the one that came after it", async () => {
  let stopped: unknown;
  const stopping = supervisor(async (request) => {
    stopped = await request.json();
    return Response.json({ stopped: true });
  });
  const never = new Promise<Response>(() => {});
  host(77, () => {
    publishHostSocket(paths.toolHostSocket("notes"), 78);
    return never;
  });
  expect(await client(stopping).call(call)).toEqual(failed("which was stopped"));
  expect(requests).toEqual(["/tool-hosts/notes/stop"]);
  expect(stopped).toEqual({ pid: 77, reason: expect.stringContaining('"T"') });
});

test("each call is recorded once: who, which tool, what came of it, and how long it took", async () => {
  host(process.pid, () => Response.json({ success: true, payload: 1 }));
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

const lines = (...all: unknown[]): Response =>
  new Response(all.map((one) => `${JSON.stringify(one)}\n`).join(""), {
    headers: { "Content-Type": "application/x-ndjson" },
  });
const QUESTION = { method: "roots/list", params: {} };

test("what a tool tells comes before its end, and questions are answered in the same process", async () => {
  const asked: unknown[] = [];
  host(process.pid, async (request) => {
    asked.push([new URL(request.url).pathname, await request.json()]);
    if (request.url.endsWith("/answer")) return good();
    return lines({ event: "progress", progress: 1 }, { call: "c", questions: { q: QUESTION } });
  });
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
    ["/call", { name: "T", arguments: {}, abilities }],
    ["/answer", { call: "c", answers, abilities }],
  ]);
  expect(audit.events.map(({ outcome }) => outcome)).toEqual(["ok", "ok"]);
  // A caller that cannot answer never gets questions.
  expect(await one.call(call)).toEqual(failed("nobody to answer"));
});

test.each([
  ["breaks off", () => lines({ event: "progress", progress: 1 }), "ended during the call"],
  ["tells nonsense", () => lines({ event: "joke" }), "not a tool's result"],
  ["ends with nonsense", () => lines({ success: "maybe" }), "not a tool's result"],
  [
    "never ends a line",
    () =>
      new Response("x".repeat(4 * 1024 * 1024), {
        headers: { "Content-Type": "application/x-ndjson" },
      }),
    "too large",
  ],
])("a stream that %s is a failure", async (_, answer, text) => {
  host(process.pid, (request) => (request.url.endsWith("/call") ? answer() : good()));
  expect(await client().call(call)).toEqual(failed(text));
});

test("a call that its host has forgotten is not repeated", async () => {
  host(process.pid, () => new Response("", { status: 404 }));
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
