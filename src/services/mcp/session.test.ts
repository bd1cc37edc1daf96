/** What a session takes for use, and when it takes its client for gone. */

import { beforeEach, expect, test } from "bun:test";
import { catalogueOf, toolSource } from "../../../tests/support/tool-source.ts";
import { until } from "../../../tests/support/until.ts";
import { ALL_SCOPES } from "../../api-keys/scopes.ts";
import { MasterConfig, McpServer } from "../../contract/config.ts";
import { ForbiddenError } from "../../lib/errors.ts";
import type { Asked } from "./asked.ts";
import { Audience } from "./audience.ts";
import { Offers } from "./offer.ts";
import { Manners } from "./plain-call.ts";
import { Seal } from "./seal.ts";
import { Session } from "./session.ts";

const SILENT = { debug() {}, info() {}, warn() {}, error() {} };
const VERSION = "2025-11-25";
const CATALOGUE = catalogueOf({
  tools: ["echo", "waits"].map((name) => ({
    ...{ name, extension: "demo", description: name },
    input_schema: { type: "object" },
  })),
});

function askedOf(): Asked {
  const created_at = "2026-01-01T00:00:00.000Z";
  const server = McpServer.parse({
    name: "work",
    key_hash: "0".repeat(64),
    key_hint: "",
    created_at,
  });
  const config = MasterConfig.parse({ mcp_servers: { work: server } });
  const scopes = ALL_SCOPES;
  const offer = new Offers().of({ server, config, catalogue: CATALOGUE, scopes });
  return {
    ...{ server: "work", offer, scopes, binding: "work" },
    caller: { actor: { kind: "client", name: "mcp-work" }, address: null },
    insufficient: () => new ForbiddenError("not here"),
    countMore: () => undefined,
    refresh: async () => offer,
  };
}

let session: Session;
let asked: Asked;
let stopped: number;

const tools = toolSource(
  async () => CATALOGUE,
  async ({ tool, signal }) => {
    if (tool === "waits") {
      await new Promise((resolve) => signal?.addEventListener("abort", resolve));
      stopped += 1;
    }
    return { success: true, payload: {} };
  },
);

const message = (method: string, params: object = {}, id = 1) => ({
  ...{ jsonrpc: "2.0", id, method, params },
});
const call = (name: string, id: number) => message("tools/call", { name, arguments: {} }, id);

function request(method: "GET" | "POST", headers = {}, signal?: AbortSignal): Request {
  return new Request("http://localhost/", {
    method,
    headers: {
      Accept: "application/json, text/event-stream",
      "Content-Type": "application/json",
      "Mcp-Session-Id": session.id,
      "MCP-Protocol-Version": VERSION,
      ...headers,
    },
    ...(signal === undefined ? {} : { signal }),
  });
}

beforeEach(async () => {
  stopped = 0;
  asked = askedOf();
  session = new Session({
    ...{ id: "s", asked, audience: new Audience(SILENT), isRenewed: false },
    manners: new Manners(),
    common: { tools, log: SILENT, seal: new Seal("s"), announce: () => undefined },
    eventBudget: { characters: 1_000_000 },
    goneMs: 100,
    onEnd: () => undefined,
  });
  await session.start();
  const hello = message("initialize", {
    protocolVersion: VERSION,
    capabilities: {},
    clientInfo: { name: "t", version: "1" },
  });
  await (await session.answer(request("POST"), asked, hello)).text();
  expect(session.protocolVersion).toBe(VERSION);
  expect(session.isInUse).toBe(false);
});

test("a stream that is refused is none", async () => {
  const unacceptable = request("GET", { Accept: "application/json" });
  expect((await session.answer(unacceptable, asked)).status).toBe(406);
  expect(session.isInUse).toBe(false);
  const stream = await session.answer(request("GET"), asked);
  expect((await session.answer(request("GET"), asked)).status).toBe(409);
  expect(session.isInUse).toBe(true);
  await stream.body?.cancel();
  expect(session.isInUse).toBe(false);
});

test("a stream that ends by itself is over", async () => {
  const answer = await (await session.answer(request("POST"), asked, call("echo", 2))).text();
  const id = /^id: (.+)$/m.exec(answer)?.[1] ?? "";
  const resumed = await session.answer(request("GET", { "Last-Event-ID": id }), asked);
  expect(await resumed.text()).toContain('"id":2');
  expect(session.isInUse).toBe(false);
  const stream = await session.answer(request("GET"), asked);
  expect(session.isInUse).toBe(true);
  await session.close();
  await stream.text();
  expect(session.isInUse).toBe(false);
});

test("a client that was gone before its request came here is noticed", async () => {
  const gone = AbortSignal.abort();
  expect((await session.answer(request("GET", {}, gone), asked)).body).toBeNull();
  expect(session.isInUse).toBe(false);
  await session.answer(request("POST", {}, gone), asked, call("waits", 3));
  await until(() => session.isInUse, { what: "the tool to run" });
  await until(() => stopped === 1, { what: "the tool to be stopped" });
  expect(session.isInUse).toBe(false);
});
