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
