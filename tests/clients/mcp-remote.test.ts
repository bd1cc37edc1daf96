/** mcp-remote, through which programs that only start commands reach Luna: signed in by OAuth, over restarts. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { join } from "node:path";
import { Client } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import { type ClientRig, RIG_TIMEOUT_MS, startClientRig } from "../support/client-rig.ts";
import { until } from "../support/until.ts";

const TIMEOUT_MS = 90_000;

let rig: ClientRig;
beforeAll(async () => {
  rig = await startClientRig();
}, RIG_TIMEOUT_MS);
afterAll(() => rig.end(), TIMEOUT_MS);

/** As a desktop program does it: mcp-remote as a command, and MCP over its pipes. */
async function connect(options: string[], allow: () => Promise<void> = async () => undefined) {
  const transport = new StdioClientTransport({
    command: "node",
    args: [join(rig.packages, "mcp-remote/dist/proxy.js"), rig.main, ...options],
    env: rig.client.environment,
    stderr: "pipe",
  });
  let said = "";
  transport.stderr?.on("data", (chunk: Buffer) => {
    said += chunk.toString();
  });
  const client = new Client({ name: "desktop", version: "1" });
  const connected = client.connect(transport, { timeout: TIMEOUT_MS });
  try {
    await Promise.all([allow(), connected]);
  } catch (error) {
    throw new Error(`mcp-remote did not connect:\n${said}`, { cause: error });
  }
  const say = async () =>
    JSON.stringify(await client.callTool({ name: "test_simple_text", arguments: {} }));
  return { client, say, said: () => said };
}

test(
  "signs in once in the browser, lists, calls, and goes on over restarts of MCP and of Luna",
  async () => {
    const { client, say } = await connect([], async () =>
      rig.allow(await rig.client.firstOpened()),
    );
    const names = (await client.listTools()).tools.map(({ name }) => name);
    expect(names).toContain("test_simple_text");
    expect(await say()).toContain("simple text response");
    await rig.killMcp();
    await until(async () => (await say()).includes("simple text response"));
    await rig.restart();
    expect(await say()).toContain("simple text response");
    await client.close();
  },
  TIMEOUT_MS,
);

test(
  "a second program goes on with that sign-in on the newest wire, over a restart of Luna",
  async () => {
    const { client, say, said } = await connect(["--protocol", "auto"]);
    expect(said()).toContain("speaks MCP 2026-07-28");
    expect(await say()).toContain("simple text response");
    await rig.restart();
    expect(await say()).toContain("simple text response");
    await client.close();
    expect(await rig.client.opened()).toHaveLength(1);
    expect(rig.client.strangers).toEqual([]);
  },
  TIMEOUT_MS,
);
