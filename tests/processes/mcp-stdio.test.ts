/** The stdio bridge: as the command that clients start, and in this process where Luna is not there. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { InMemoryTransport } from "@modelcontextprotocol/sdk/inMemory.js";
import type { Server } from "bun";
import { Bridge } from "../../src/cli/mcp-bridge.ts";
import { lunaFetch } from "../../src/cli/mcp-fetch.ts";
import { ensureCredentials } from "../../src/config/credentials.ts";
import { EnvFile } from "../../src/config/env-file.ts";
import { MasterConfigStore } from "../../src/config/master-config.ts";
import { pathsOf } from "../../src/config/paths.ts";
import { portsWith } from "../../src/config/ports.ts";
import { McpServer } from "../../src/contract/config.ts";
import { createLogger } from "../../src/lib/log.ts";
import { serve } from "../../src/lib/serve.ts";
import { createMcpApp } from "../../src/services/mcp/app.ts";
import { NO_OAUTH, noKeys } from "../support/api-keys.ts";
import { catalogueOf, toolSource } from "../support/tool-source.ts";
import { until } from "../support/until.ts";

const LUNA = new URL("../../luna.ts", import.meta.url).pathname;
/** Over a pipe's buffer, and over what one read brings. */
const LARGE = "é".repeat(300_000);
/** A port that an offset can lead to. */
const PORT_MAX = 8766 + 50_000;
const LATEST = "2025-11-25";

let home: string;
let port: number;
let ownerToken: string;
let server: Server<undefined>;
let stopped = 0;
let started = 0;
const ends: (() => Promise<unknown>)[] = [];

function start(at: number): void {
  const tool = (name: string) => ({
    name,
    description: name,
    input_schema: { type: "object" as const },
    extension: "demo",
  });
  const catalogue = catalogueOf({ tools: ["echo", "large", "slow"].map(tool) });
  const app = createMcpApp({
    config: new MasterConfigStore(pathsOf(home).masterConfig),
    gate: noKeys(),
    oauth: NO_OAUTH,
    tools: toolSource(
      async () => catalogue,
      async ({ tool: name, arguments: payload, signal }) => {
        if (name === "echo") return { success: !("fail" in payload), payload };
        if (name === "large") return { success: true, payload: LARGE };
        started += 1;
        const aborted = Promise.withResolvers<void>();
        signal?.addEventListener("abort", () => aborted.resolve());
        await aborted.promise;
        stopped += 1;
        throw new Error("stopped");
      },
    ),
    ownerToken,
    log: { ...createLogger("mcp"), info: () => undefined },
  });
  server = serve({ fetch: app.fetch, listen: { port: at } });
}

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), "luna-mcp-stdio-"));
  const paths = pathsOf(home);
  await Bun.write(paths.masterConfig, "{}");
  await new MasterConfigStore(paths.masterConfig).update((config) => {
    config.mcp_servers = {
      my_work: McpServer.parse({
        name: "my_work",
        key_hash: "0".repeat(64),
        key_hint: "0000",
        created_at: "2026-01-01T00:00:00.000Z",
      }),
    };
  });
  ownerToken = (await ensureCredentials(new EnvFile(paths.env))).mcpToken;
  [started, stopped] = [0, 0];
  start(0);
  // Too high a port for an offset: others come as long as the unlucky one is taken.
  const unlucky: Server<undefined>[] = [];
  while ((server.port ?? 0) > PORT_MAX) {
    unlucky.push(server);
    start(0);
  }
  for (const one of unlucky) await one.stop(true);
  port = server.port ?? 0;
});

afterEach(async () => {
  for (const end of ends.splice(0)) await end();
  await server.stop(true);
  await rm(home, { recursive: true, force: true });
});

const environment = (): Record<string, string> => ({
  PATH: "/usr/bin:/bin",
  LUNA_HOME: home,
  LUNA_PORT_OFFSET: String(port - portsWith(0).mcp),
});

/** A client that starts the command, as MCP clients do. */
async function startClient(hub: string): Promise<{ client: Client; faults: string[] }> {
  const client = new Client({ name: "test", version: "1" });
  const faults: string[] = [];
  client.onerror = (error) => faults.push(error.message);
  ends.push(() => client.close());
  await client.connect(
    new StdioClientTransport({
      command: process.execPath,
      args: [LUNA, "mcp", "stdio", "--hub", hub],
      env: environment(),
      stderr: "ignore",
    }),
  );
  return { client, faults };
}

/** The command with `input` on stdin, which is then closed. */
async function runCommand(args: string[], input: readonly object[] = []) {
  const command = Bun.spawn([process.execPath, LUNA, "mcp", "stdio", ...args], {
    env: environment(),
    stdin: new Blob(input.map((message) => `${JSON.stringify(message)}\n`)),
    stdout: "pipe",
    stderr: "pipe",
  });
  ends.push(async () => command.kill("SIGKILL"));
  const [out, error] = await Promise.all([
    Bun.readableStreamToText(command.stdout),
    Bun.readableStreamToText(command.stderr),
  ]);
  return { out, error, code: await command.exited };
}

/** A client over a bridge in this process that does not wait for Luna to come back. */
async function bridgeClient(hub: string, token = async () => ownerToken) {
  const [clientSide, local] = InMemoryTransport.createLinkedPair();
  const reports: string[] = [];
  const versions: (string | null)[] = [];
  const send = lunaFetch({ token, startCommand: "luna up", reconnectMs: 0 });
  const bridge = new Bridge({
    local,
    remote: new StreamableHTTPClientTransport(
      new URL(`http://127.0.0.1:${port}/api/mcp-${hub}/mcp`),
      {
        fetch: (url, init) => {
          versions.push(new Headers(init?.headers).get("MCP-Protocol-Version"));
          return send(url, init);
        },
      },
    ),
    report: (text) => reports.push(text),
  });
  await bridge.start();
  ends.push(() => bridge.stop());
  return {
    client: new Client({ name: "test", version: "1" }),
    clientSide,
    bridge,
    reports,
    versions,
  };
}

test("a client that starts the command lists and calls, across a restart of Luna", async () => {
  const { client, faults } = await startClient("my-work");
  expect(client.getServerVersion()?.name).toBe("Luna MCP - my_work");
  expect((await client.listTools()).tools.map((tool) => tool.name)).toEqual([
    "echo",
    "large",
    "slow",
  ]);
  const call = (args: Record<string, unknown>) =>
    client.callTool({ name: "echo", arguments: args });
  expect((await call({ value: 1 })).structuredContent).toEqual({ value: 1 });
  expect((await call({ fail: true })).isError).toBe(true);
  await expect(client.callTool({ name: "nope" })).rejects.toThrow("-32602: Unknown tool: nope");
  const large = await client.callTool({ name: "large" });
  expect(large.content).toEqual([{ type: "text", text: LARGE }]);

  await server.stop(true);
  const during = call({ value: "during" });
  start(port);
  expect((await during).structuredContent).toEqual({ value: "during" });

  const giveUp = new AbortController();
  const slow = client.callTool({ name: "slow" }, undefined, { signal: giveUp.signal });
  slow.catch(() => undefined);
  await until(() => started === 1, { what: "the call to begin" });
  giveUp.abort();
  await until(() => stopped === 1, { what: "the tool to be stopped" });
  expect(faults).toEqual([]);
});

test("what is under way when stdin closes is answered, then the command ends", async () => {
  const initialize = {
    jsonrpc: "2.0",
    id: "a",
    method: "initialize",
    params: {
      protocolVersion: LATEST,
      capabilities: {},
      clientInfo: { name: "pipe", version: "1" },
    },
  };
  const call = { jsonrpc: "2.0", id: "b", method: "tools/call", params: { name: "large" } };
  const { out, code } = await runCommand(["--hub", "my_work"], [initialize, call]);
  expect(code).toBe(0);
  const answers: unknown[] = [];
  for (const line of out.trimEnd().split("\n")) answers.push(JSON.parse(line));
  expect(answers).toHaveLength(2);
  expect(answers).toContainEqual(expect.objectContaining({ id: "a" }));
  expect(answers).toContainEqual({
    jsonrpc: "2.0",
    id: "b",
    result: { content: [{ type: "text", text: LARGE }], isError: false },
  });
});

test("arguments that say nothing get the command and the names there are", async () => {
  const { out, error, code } = await runCommand([]);
  expect([out, code]).toEqual(["", 1]);
  expect(error).toBe(
    'Cannot choose an MCP server: use "luna mcp stdio --hub <name>"; there are: my_work\n',
  );
  expect((await runCommand(["--hup", "x"])).error).toContain("unknown option '--hup'");
});

test("an unknown hub is an error to each request, which names those there are", async () => {
  const { client, clientSide, reports } = await bridgeClient("nope");
  await expect(client.connect(clientSide)).rejects.toThrow("there are: my_work");
  expect(reports.join()).toContain("there is none of that name");
});

test("Luna not running is an error to each request, and no longer one once it runs", async () => {
  const { client, clientSide, reports, versions } = await bridgeClient("my_work");
  await client.connect(clientSide);
  // The HTTP side must name the version that the client and Luna agreed on.
  await client.ping();
  expect([versions.at(0), versions.at(-1)]).toEqual([null, LATEST]);
  await server.stop(true);
  for (const _ of [1, 2]) {
    await expect(client.listTools()).rejects.toThrow('start Luna with "luna up"');
  }
  expect(reports.length).toBeGreaterThanOrEqual(2);
  start(port);
  expect((await client.listTools()).tools).toHaveLength(3);
});

test("a request waits for a restart that is under way", async () => {
  await server.stop(true);
  let attempts = 0;
  const send = lunaFetch({
    token: async () => {
      attempts += 1;
      return ownerToken;
    },
    startCommand: "luna up",
  });
  const answer = send(`http://127.0.0.1:${port}/healthz`);
  answer.catch(() => undefined);
  await until(() => attempts >= 2, { what: "a second attempt" });
  start(port);
  expect((await answer).status).toBe(200);
});

test("keys that changed or are not there yet are told, and read again for each request", async () => {
  let token = async (): Promise<string> => "wrong";
  const { client, clientSide } = await bridgeClient("my_work", () => token());
  await clientSide.start();
  const answers: unknown[] = [];
  clientSide.onmessage = (message) => answers.push(message);
  const ping = (id: number) => clientSide.send({ jsonrpc: "2.0", id, method: "ping" });
  await ping(1);
  await until(() => answers.length === 1);
  token = () => Promise.reject(new Error("Cannot find Luna's own keys"));
  await ping(2);
  await until(() => answers.length === 2);
  token = async () => ownerToken;
  await ping(3);
  await until(() => answers.length === 3);
  expect(answers).toMatchObject([
    { id: 1, error: { code: -32603, message: expect.stringContaining("missing or wrong") } },
    { id: 2, error: { code: -32603, message: "Cannot find Luna's own keys" } },
    { id: 3, result: {} },
  ]);
  expect(client.getServerVersion()).toBeUndefined();
});

test("stopping the bridge stops what Luna runs for its client", async () => {
  const { client, clientSide, bridge } = await bridgeClient("my_work");
  await client.connect(clientSide);
  const slow = client.callTool({ name: "slow" });
  slow.catch(() => undefined);
  await until(() => started === 1, { what: "the call to begin" });
  await bridge.stop();
  await until(() => stopped === 1, { what: "the tool to be stopped" });
  await expect(slow).rejects.toThrow();
});
