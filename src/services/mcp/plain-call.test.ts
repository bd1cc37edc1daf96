/** Plain calls are answered as the SDK answers them, byte by byte, and handed over to it when they turn out not to be plain. */
import { beforeEach, describe, expect, test } from "bun:test";
import { NO_OAUTH, noKeys } from "../../../tests/support/api-keys.ts";
import { catalogueOf, toolSource } from "../../../tests/support/tool-source.ts";
import { until } from "../../../tests/support/until.ts";
import { MasterConfig } from "../../contract/config.ts";
import type { ToolResult } from "../../contract/tool.ts";
import { hashSecret } from "../../lib/secret.ts";
import { createMcpApp } from "./app.ts";
import { Manners, plainCallOf } from "./plain-call.ts";
import type { ToolSource } from "./tool-source.ts";

const KEY = "sk-luna-work";
const MODERN = "2026-07-28";
const JSON_TYPE = { "Content-Type": "application/json" };
const BOTH = { Accept: "application/json, text/event-stream", ...JSON_TYPE };
const META = {
  "io.modelcontextprotocol/protocolVersion": MODERN,
  "io.modelcontextprotocol/clientInfo": { name: "t", version: "1" },
  "io.modelcontextprotocol/clientCapabilities": {},
};
const SILENT = { debug() {}, info() {}, warn() {}, error() {} };
const CATALOGUE = catalogueOf({
  tools: [{ name: "T", extension: "demo", description: "T", input_schema: { type: "object" } }],
});
const config = MasterConfig.parse({
  rate_limits: { mcp_server_key: null },
  mcp_servers: {
    work: {
      ...{ name: "work", key_hash: hashSecret(KEY), key_hint: "" },
      created_at: "2026-01-01T00:00:00.000Z",
    },
  },
});

type Converse = Parameters<ToolSource["client"]["converse"]>[0];
let app: ReturnType<typeof createMcpApp>;
let run: (request: Converse) => Promise<ToolResult>;
let calls: number;

beforeEach(() => {
  calls = 0;
  run = async () => ({ success: true, payload: "done" });
  const tools = toolSource(
    async () => CATALOGUE,
    (request) => {
      calls += 1;
      return run(request);
    },
  );
  const read = async () => config;
  const access = { gate: noKeys(), oauth: NO_OAUTH, ownerToken: "owner" };
  const common = { config: { read }, tools, ...access, log: SILENT };
  app = createMcpApp(common);
});

type Named = Record<string, string>;

async function post(body: unknown, headers: Named, signal?: AbortSignal): Promise<Response> {
  return app.request("http://127.0.0.1/api/mcp-work/mcp", {
    method: "POST",
    headers: { Host: "127.0.0.1", Authorization: `Bearer ${KEY}`, ...BOTH, ...headers },
    body: JSON.stringify(body),
    ...(signal === undefined ? {} : { signal }),
  });
}

const callOf = (id: number | string, params: object = {}) => ({
  ...{ jsonrpc: "2.0", id, method: "tools/call" },
  params: { name: "T", arguments: {}, ...params },
});
const modernHeaders = {
  "MCP-Protocol-Version": MODERN,
  "Mcp-Method": "tools/call",
  "Mcp-Name": "T",
};
const modern = (id: number | string, signal?: AbortSignal) =>
  post(callOf(id, { _meta: META }), modernHeaders, signal);

async function session(protocolVersion: string): Promise<Named> {
  const params = { protocolVersion, capabilities: {}, clientInfo: { name: "t", version: "1" } };
  const begun = await post({ jsonrpc: "2.0", id: 0, method: "initialize", params }, {});
  await begun.text();
  const id = begun.headers.get("Mcp-Session-Id") ?? "";
  return { "Mcp-Session-Id": id, "MCP-Protocol-Version": protocolVersion };
}

/** All that a client sees of an answer; the ids of events are new each time. */
async function seen(response: Response): Promise<unknown> {
  const text = (await response.text()).replaceAll(/^id: [0-9a-f-]{36}~\d+$/gm, "id: E");
  return [response.status, text, [...response.headers].sort()];
}

const PAYLOADS: [string, ToolResult][] = [
  ["a text", { success: true, payload: 'Hello, "ö" \u2028\n' }],
  ["an object", { success: true, payload: { b: 1, a: [null, { c: "d" }] } }],
  ["a list", { success: true, payload: [1, 2] }],
  ["nothing", { success: true, payload: null }],
  ["a failure", { success: false, payload: "no" }],
  ["a failure with an object", { success: false, payload: { why: "no" } }],
  ["blocks", { success: true, payload: "t", content: [{ type: "text", text: "t" }] }],
];

describe("the same bytes as the SDK's", () => {
  test.each(PAYLOADS)("%s, on the new wire", async (_, result) => {
    run = async () => result;
    const bySdk = await seen(await modern(7));
    expect(bySdk).toEqual([200, expect.stringContaining('"id":7'), expect.any(Array)]);
    expect(await seen(await modern(7))).toEqual(bySdk);
    expect(calls).toBe(2);
  });

  for (const version of ["2025-11-25", "2025-06-18", "2025-03-26"]) {
    test.each(PAYLOADS)(`%s, in a session of ${version}`, async (_, result) => {
      run = async () => result;
      const headers = await session(version);
      const bySdk = await seen(await post(callOf("x"), headers));
      expect(bySdk).toEqual([200, expect.stringContaining('"id":"x"'), expect.any(Array)]);
      expect(await seen(await post(callOf("x"), headers))).toEqual(bySdk);
      expect(calls).toBe(2);
    });
  }
});

test("nothing is known of a request that says anything else, or says it otherwise", () => {
  const headers = new Headers({ ...BOTH, ...modernHeaders });
  const good = callOf(1, { _meta: META });
  const known = plainCallOf(good, headers);
  expect(known?.message).toEqual(callOf(1, { _meta: META }) as never);
  const manners = new Manners<true>();
  if (known !== undefined) manners.set(known, true);
  const isKnown = (message: unknown, given: Headers = headers): boolean => {
    const call = plainCallOf(message, given);
    return call !== undefined && manners.get(call) === true;
  };
  expect(isKnown(callOf("other", { name: "T", arguments: { a: 1 }, _meta: META }))).toBe(true);
  for (const message of [
    null,
    [good],
    { ...good, jsonrpc: "1.0" },
    { ...good, id: null },
    { ...good, id: 1.5 },
    { ...good, method: "tools/list" },
    { ...good, more: 1 },
    callOf(1, { _meta: { ...META, progressToken: 1 } }),
    callOf(1, { _meta: META, arguments: [] }),
    callOf(1, { _meta: META, name: 1 }),
    callOf(1, { _meta: META, requestState: "s" }),
    callOf(1, { _meta: META, inputResponses: {} }),
    callOf(1, { _meta: { ...META, "io.modelcontextprotocol/clientCapabilities": { roots: {} } } }),
    callOf(1),
    JSON.parse(
      '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"T","__proto__":{}}}',
    ),
  ]) {
    expect(isKnown(message)).toBe(false);
  }
  for (const [name, value] of [
    ["Mcp-Name", "U"],
    ["Mcp-Method", "tools/list"],
    ["MCP-Protocol-Version", "2025-11-25"],
    ["Accept", "application/json"],
    ["Content-Type", "text/plain"],
  ] as const) {
    const changed = new Headers(headers);
    changed.set(name, value);
    expect(isKnown(good, changed)).toBe(false);
    changed.delete(name);
    expect(isKnown(good, changed)).toBe(false);
  }
});

describe("a call that turns out not to be plain is begun once, and", () => {
  beforeEach(async () => {
    await (await modern(1)).text();
    expect(calls).toBe(1);
  });

  test("what it tells before its end reaches its client", async () => {
    run = async ({ onEvent }) => {
      onEvent({ event: "log", level: "error", data: "heard" });
      return { success: true, payload: "done" };
    };
    const headers = await session("2025-11-25");
    for (const id of [2, 3]) {
      const text = await (await post(callOf(id), headers)).text();
      expect(text).toContain('"data":"heard"');
      expect(text).toContain('"text":"done"');
    }
    expect(calls).toBe(3);
  });

  test("one that takes long is answered all the same, on both wires", async () => {
    run = () => Bun.sleep(60).then(() => ({ success: true, payload: "late" }));
    const headers = await session("2025-11-25");
    for (const answer of [modern(2), post(callOf(3), headers), post(callOf(4), headers)]) {
      expect(await (await answer).text()).toContain('"text":"late"');
    }
    expect(calls).toBe(4);
  });

  test("a client that goes ends it", async () => {
    let heard = false;
    run = ({ signal }) =>
      new Promise((resolve) => {
        signal?.addEventListener("abort", () => {
          heard = true;
          resolve({ success: false, payload: "left" });
        });
      });
    const leaving = new AbortController();
    void modern(2, leaving.signal);
    await until(() => calls === 2);
    leaving.abort();
    await until(() => heard, { what: "the tool to hear of it" });
  });

  test("a session's client can cancel it at once", async () => {
    const headers = await session("2025-11-25");
    await (await post(callOf(1), headers)).text();
    let heard = false;
    run = ({ signal }) =>
      new Promise((resolve) => {
        signal?.addEventListener("abort", () => {
          heard = true;
          resolve({ success: false, payload: "left" });
        });
      });
    void post(callOf(2), headers);
    await until(() => calls === 3);
    const method = "notifications/cancelled";
    const cancel = { jsonrpc: "2.0", method, params: { requestId: 2 } };
    expect((await post(cancel, headers)).status).toBe(202);
    await until(() => heard, { what: "the tool to hear of it" });
  });
});
