/** The MCP service as its own process: it starts from a home, serves, and ends in order. */
import { afterEach, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathsOf } from "../../src/config/paths.ts";
import { portsWith } from "../../src/config/ports.ts";
import { McpServer } from "../../src/contract/config.ts";
import { hashSecret } from "../../src/lib/secret.ts";
import { until } from "../support/until.ts";

const LUNA = new URL("../../luna.ts", import.meta.url).pathname;
const KEY = "sk-luna-of-the-test";
const OFFSET_MAX = 50_000;

const ends: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

/** A port that was free a moment ago and that an offset leads to. */
async function freePort(): Promise<number> {
  for (;;) {
    const probe = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response() });
    const port = probe.port ?? 0;
    await probe.stop(true);
    if (port <= portsWith(OFFSET_MAX).mcp) return port;
  }
}

test("the service serves the tools of its home, and ends when asked", async () => {
  const home = await mkdtemp(join(tmpdir(), "luna-mcp-main-"));
  ends.push(() => rm(home, { recursive: true, force: true }));
  const paths = pathsOf(home);
  const server = McpServer.parse({
    name: "work",
    key_hash: hashSecret(KEY),
    key_hint: KEY.slice(-4),
    created_at: "2026-01-01T00:00:00.000Z",
  });
  await Bun.write(paths.masterConfig, JSON.stringify({ mcp_servers: { work: server } }));
  await Bun.write(join(paths.extensions, "demo", "config.json"), "{}");
  const tool = { name: "DEMO_GET_it", description: "It", input_schema: { type: "object" } };
  await Bun.write(
    paths.toolsFile("demo"),
    JSON.stringify({
      extension: "demo",
      content_hash: "0",
      system_prompt: "",
      tools: [tool],
      problems: [],
    }),
  );
  const port = await freePort();
  const service = Bun.spawn([process.execPath, LUNA, "service", "mcp"], {
    env: {
      PATH: "/usr/bin:/bin",
      LUNA_HOME: home,
      LUNA_PORT_OFFSET: String(port - portsWith(0).mcp),
      LUNA_MCP_TOKEN: "token-of-the-owner",
      LUNA_TOOL_HOST_TOKEN: "token-of-tool-hosts",
      LUNA_TOKEN_CHECK: "token-of-checks",
      LUNA_PUBLIC_URL: "http://127.0.0.1:8443",
    },
    stderr: "pipe",
  });
  ends.push(async () => service.kill("SIGKILL"));
  const log = Bun.readableStreamToText(service.stderr);

  const url = `http://127.0.0.1:${port}`;
  await until(async () => (await fetch(`${url}/healthz`)).ok, { what: "the service to be ready" });
  const call = async (method: string, params = {}): Promise<unknown> => {
    const response = await fetch(`${url}/api/mcp-work/mcp`, {
      method: "POST",
      headers: {
        "X-API-Key": KEY,
        "Content-Type": "application/json",
        Accept: "application/json, text/event-stream",
      },
      body: JSON.stringify({ jsonrpc: "2.0", id: 1, method, params }),
    });
    return response.json();
  };
  expect(await call("tools/list")).toMatchObject({ result: { tools: [{ name: "DEMO_GET_it" }] } });
  // Nothing starts tool hosts here, which is the tool's failure and not the service's.
  expect(await call("tools/call", { name: "DEMO_GET_it" })).toMatchObject({
    result: { isError: true },
  });

  service.kill("SIGTERM");
  expect(await service.exited).toBe(0);
  const lines = await log;
  expect(lines).toContain('"message":"Stopping"');
  expect(lines).not.toContain(KEY);
  expect(lines).not.toContain("token-of");
});

test("the service says which variable is missing", async () => {
  const service = Bun.spawn([process.execPath, LUNA, "service", "mcp"], {
    env: { PATH: "/usr/bin:/bin", LUNA_HOME: tmpdir() },
    stderr: "pipe",
  });
  ends.push(async () => service.kill("SIGKILL"));
  expect(await Bun.readableStreamToText(service.stderr)).toContain("LUNA_MCP_TOKEN");
  expect(await service.exited).toBe(1);
});
