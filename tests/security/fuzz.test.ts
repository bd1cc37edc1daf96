/** Sends every operation what no honest client would send: no crash, no 5xx that is not meant, nothing given away. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import fc from "fast-check";
import { z } from "zod";
import { ErrorBody } from "../../src/contract/error.ts";
import { LiveMessage } from "../../src/contract/process.ts";
import { SocketWithHeaders } from "../support/edge.ts";
import { type LlmStandIn, startLlmStandIn } from "../support/llm-stand-in.ts";
import { send, type WireAnswer, type WireRequest } from "../support/raw-http.ts";
import { routesOf } from "../support/routers.ts";
import { until } from "../support/until.ts";
import { isForEveryPage } from "./access.ts";
import { type GivenOut, giveOut } from "./credentials.ts";
import { type FuzzedOperation, fuzzedOperations } from "./fuzz-doors.ts";
import { BROKEN_BODIES, fuzzRuns, NO_METHODS, requestsFor } from "./fuzz-requests.ts";
import { leaksIn, secretsIn } from "./leak.ts";

const { runs: RUNS, seed: SEED } = fuzzRuns({ runs: 60, seed: 20_261_125 });
/** One operation is not tried longer, however many runs are left. */
const OPERATION_MS = RUNS * 40;
const SUITE_TIMEOUT_MS = 120_000 + RUNS * 3_000;

const ACTING_RUNS = 10;
const LONG_BODY = 60_000;

/** With the right credential they would end the test. */
const ENDING = ["/restart", "/shutdown"];

/** Tools whose calls do no harm. */
const NAMES = ["NOTES_GET_all", "NOTES_UPDATE_create", "simple_agent"];

let llm: LlmStandIn;
let given: GivenOut;
let pids: Record<string, number | null>;
let operations: FuzzedOperation[];
/** Methods and paths of what changes something without a name or a body, at every door. */
let acting: Set<string>;

async function pidsNow(): Promise<Record<string, number | null>> {
  const { supervisor, services } = await given.luna.state();
  const parts = Object.entries(services).filter(([, { kind }]) => kind !== "tool-host");
  return {
    supervisor: supervisor.pid,
    ...Object.fromEntries(parts.map(([name, { pid }]) => [name, pid])),
  };
}

beforeAll(async () => {
  process.stderr.write(`fuzz: seed ${SEED}, ${RUNS} requests an operation\n`);
  llm = startLlmStandIn();
  given = await giveOut({ environment: { OPENAI_BASE_URL: llm.url } });
  await until(async () =>
    (await (await given.luna.control("/tools/all")).text()).includes("NOTES_GET"),
  );
  pids = await pidsNow();
  operations = await fuzzedOperations(given);
  acting = new Set(
    operations
      .filter((one) => !isHarmless(one))
      .flatMap(({ doors, operation: { method, path } }) =>
        doors.map(({ prefix }) => `${method} ${prefix}${path}`),
      ),
  );
});
afterAll(async () => {
  await given.luna.stop();
  await given.luna.remove();
  await llm.stop();
});

/** Changes that want neither a name nor a body happen at once: with the right credential they would end the test. */
function isHarmless({ operation }: FuzzedOperation): boolean {
  const isNamed = operation.path.includes("{") || operation.requestBody !== undefined;
  return operation.method === "GET" || isNamed;
}

/** MCP's own (JSON-RPC 2.0, 5.1). */
const RpcError = z.object({
  jsonrpc: z.literal("2.0"),
  error: z.object({ code: z.int(), message: z.string() }),
});
const Failure = z.union([ErrorBody, RpcError]);

function isErrorBody(body: string, shape: z.ZodType = Failure): boolean {
  try {
    return shape.safeParse(JSON.parse(body)).success;
  } catch {
    return false;
  }
}

/** As clients of OAuth read it (RFC 6749, 5.2). */
const OAuthFailure = z.strictObject({ error: z.string(), error_description: z.string() });

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const CONTROL = /[\u0000-\u0008\u000a-\u001f\u007f]/;

function isDecodable(target: string): boolean {
  try {
    return decodeURI(target) !== "";
  } catch {
    return false;
  }
}

/** What is wrong with an answer, in words. */
function faultsOf(
  { router, operation, document }: FuzzedOperation,
  request: WireRequest,
  answer: WireAnswer,
): string[] {
  const { status, headers, body } = answer;
  const type = headers.get("Content-Type") ?? "";
  // A session's holder may read where Luna is; only one operation is there to tell a secret.
  const isRead = status < 300 && router === "supervisor";
  const isKey = isRead && operation.path === "/agents/api-key";
  const faults = isKey ? [] : isRead ? secretsIn(answer, given) : leaksIn(answer, given);
  // What is no request to an HTTP server ends the connection before any code of Luna's.
  const isHttp =
    isDecodable(request.target) &&
    !NO_METHODS.includes(request.method ?? "") &&
    !request.headers?.some(([, value]) => CONTROL.test(value)) &&
    // A refusal of what is still being sent may be lost with the connection.
    (request.body ?? "").length < LONG_BODY;
  if (status === 0 && isHttp) faults.push("the connection ended without an answer");
  const isMeant = (status === 503 && isErrorBody(body)) || (status === 505 && !isHttp);
  if (status >= 500 && !isMeant) faults.push(`status ${status}: ${body}`);
  const isJson = type.startsWith("application/json");
  const isOAuth = isForEveryPage({ router, ...operation });
  const isError = isErrorBody(body) || (isOAuth && isErrorBody(body, OAuthFailure));
  if (status >= 400 && isJson && body !== "" && !isError)
    faults.push(`no error of Luna's: ${body}`);
  if (
    status < 300 &&
    isJson &&
    request.method === operation.method &&
    operation.responses["200"] !== undefined
  ) {
    const fault = document.fault(operation, { status, type, body: JSON.parse(body) });
    if (fault !== undefined) faults.push(`not as documented: ${fault}`);
  }
  return faults;
}

/** Whether a server finds what acts at once behind the target, which may be written in many ways (WHATWG URL, 4.4). */
function isActing({ method, target }: WireRequest): boolean {
  const place = URL.parse(target, "http://localhost")?.pathname.replace(/\/+$/, "");
  return acting.has(`${method} ${place}`);
}

function requestsTo(fuzzed: FuzzedOperation) {
  const { operation, doors } = fuzzed;
  const options = { names: NAMES, isHarmless: isHarmless(fuzzed) };
  return fc.constantFrom(...doors).chain(({ port, prefix, right }) =>
    requestsFor(operation, { ...options, right })
      .map((request) => ({ port, request: { ...request, target: prefix + request.target } }))
      .filter(({ request }) => !(isHarmless(fuzzed) && isActing(request))),
  );
}

/** @throws with the seed and the smallest request that shows what is wrong */
async function fuzz(fuzzed: FuzzedOperation, where?: number): Promise<Map<number, number>> {
  const statuses = new Map<number, number>();
  await fc.assert(
    fc.asyncProperty(requestsTo(fuzzed), async ({ port, request }) => {
      const answer = await send(where ?? port, request);
      statuses.set(answer.status, (statuses.get(answer.status) ?? 0) + 1);
      expect(faultsOf(fuzzed, request, answer)).toEqual([]);
    }),
    {
      seed: SEED,
      numRuns: RUNS,
      interruptAfterTimeLimit: OPERATION_MS,
      markInterruptAsFailure: false,
    },
  );
  return statuses;
}

const everything = (["supervisor", "agent", "auth", "mcp", "hub"] as const).flatMap((router) =>
  routesOf(router).map(({ method, path }, at) => ({
    router,
    at,
    title: `${router} ${method} ${path}`,
  })),
);

const fuzzedAt = (router: string, at: number): FuzzedOperation => {
  const found = operations.filter((one) => one.router === router)[at];
  if (found === undefined) throw new Error(`There is no operation ${at} of ${router}`);
  return found;
};

describe("operations", () => {
  test.each(everything)(
    "$title",
    async ({ router, at }) => {
      const statuses = await fuzz(fuzzedAt(router, at));
      // Setting a passphrase is slow by design.
      const count = [...statuses.values()].reduce((sum, one) => sum + one, 0);
      expect(count).toBeGreaterThan(1);
      expect(await pidsNow()).toEqual(pids);
    },
    SUITE_TIMEOUT_MS,
  );
});

test(
  "what acts at once, with the right credential, after all else",
  async () => {
    const tried = operations.filter(
      (one) => !isHarmless(one) && !ENDING.includes(one.operation.path),
    );
    const statuses = new Set<number>();
    for (const fuzzed of tried) {
      const options = { names: NAMES, isHarmless: true };
      const [door] = fuzzed.doors;
      if (door === undefined) throw new Error(`No door leads to ${fuzzed.operation.path}`);
      const requests = requestsFor(fuzzed.operation, { ...options, right: door.right });
      for (const request of fc.sample(requests, { seed: SEED, numRuns: ACTING_RUNS })) {
        const answer = await send(door.port, request);
        const faults = faultsOf(fuzzed, request, answer);
        expect({ request, faults }).toEqual({ request, faults: [] });
        statuses.add(answer.status);
      }
    }
    expect(tried.length).toBeGreaterThan(1);
    expect(statuses.size).toBeGreaterThan(1);
    expect(await pidsNow()).toEqual(pids);
  },
  SUITE_TIMEOUT_MS,
);

test("messages of the live socket that no page sends", async () => {
  const { luna } = given;
  const socket = new SocketWithHeaders(`ws://127.0.0.1:${luna.ports.supervisor}/live`, {
    headers: { Authorization: `Bearer ${luna.credentials.supervisorToken}` },
  });
  const topics: string[] = [];
  socket.onmessage = ({ data }) => topics.push(LiveMessage.parse(JSON.parse(String(data))).topic);
  await until(() => topics.includes("status"), { what: "the live socket" });
  const message = fc.oneof(
    fc.constantFrom(...BROKEN_BODIES),
    fc.json(),
    fc.uint8Array({ maxLength: 100 }),
    fc
      .record({
        subscribe: fc.oneof(fc.constant("logs"), fc.string()),
        names: fc.oneof(fc.array(fc.string()), fc.jsonValue()),
        after: fc.oneof(fc.string(), fc.constant("__proto__")),
      })
      .map((value) => JSON.stringify(value)),
  );
  const messages = fc.sample(message, { seed: SEED, numRuns: RUNS * 3 });
  for (const one of messages) socket.send(typeof one === "string" ? one : new Uint8Array(one));
  socket.send("the last one");
  const refusals = () => topics.filter((topic) => topic === "refused").length;
  await until(() => refusals() > messages.length / 2, { what: "the refusals" });
  expect(socket.readyState).toBe(WebSocket.OPEN);
  socket.close();
  expect(await pidsNow()).toEqual(pids);
});

test("a process that fails on what it cannot read, and says where, is found", async () => {
  const naive = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    async fetch(request) {
      try {
        return Response.json(JSON.parse((await request.text()) || "{}"));
      } catch (error) {
        return new Response(String(error instanceof Error && error.stack), { status: 500 });
      }
    },
  });
  const create = operations.find(({ operation }) => operation.path === "/mcp-servers/create");
  if (create === undefined) throw new Error("There is no operation to try this with");
  await expect(fuzz(create, naive.port)).rejects.toThrow("Property failed");
  await naive.stop(true);
});

test("nothing ended, nothing was started anew, and no log tells of a failure that nobody foresaw", async () => {
  expect(await pidsNow()).toEqual(pids);
  const { services } = await given.luna.state();
  expect(Object.entries(services).filter(([, { restarts }]) => restarts > 0)).toEqual([]);
  const page = await given.luna.control("/logs?names=supervisor,auth,agent,mcp,hub&level=error");
  expect(await page.json()).toMatchObject({ lines: [] });
});
