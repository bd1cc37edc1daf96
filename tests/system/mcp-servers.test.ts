/** Named MCP servers from the command line, on the compiled Luna, as clients of both wires see their changes. */
import { afterAll, afterEach, beforeAll, expect, test } from "bun:test";
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { McpServerKey, McpServerList, McpServerTools } from "../../src/contract/mcp-servers.ts";
import { fixtureExtension } from "../support/fixture.ts";
import { type Luna, startLuna } from "../support/start-luna.ts";
import { until } from "../support/until.ts";

const ECHO = "WITNESS_GET_echo";
const WIRES = [
  ["2025-11-25", "legacy"],
  ["2026-07-28", "auto"],
] as const;

let luna: Luna;
beforeAll(async () => {
  luna = await startLuna({ files: await fixtureExtension("witness") });
}, 60_000);

const ends: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0)) await end();
});
afterAll(async () => {
  await luna.stop();
  const left = luna.processes();
  await luna.remove();
  expect(left).toEqual([]);
});

/** Runs `luna mcp …`; its standard output. */
async function mcp(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await luna.run("mcp", ...args);
  expect({ code, stderr }).toEqual({ code: 0, stderr: expect.any(String) });
  return stdout;
}

async function create(name: string): Promise<McpServerKey> {
  return McpServerKey.parse(JSON.parse(await mcp("create", name, "--json")));
}

async function connect(
  { server, api_key }: McpServerKey,
  mode: "auto" | "legacy",
): Promise<{ client: Client; sessionId: () => string | undefined; names(): Promise<string[]> }> {
  const changes: string[][] = [];
  const client = new Client(
    { name: "test", version: "1" },
    {
      versionNegotiation: { mode },
      listChanged: {
        tools: {
          onChanged: (_, tools) => void changes.push((tools ?? []).map(({ name }) => name)),
        },
      },
    },
  );
  const transport = new StreamableHTTPClientTransport(new URL(server.url), {
    requestInit: { headers: { Authorization: `Bearer ${api_key}` } },
  });
  await client.connect(transport);
  ends.push(() => client.close());
  const names = async () =>
    changes.at(-1) ?? (await client.listTools()).tools.map((one) => one.name);
  return { client, sessionId: () => transport.sessionId, names };
}

const statusOf = async (url: string, key: string): Promise<number> => {
  const answer = await fetch(url, {
    method: "POST",
    headers: {
      Authorization: `Bearer ${key}`,
      Accept: "application/json, text/event-stream",
      "Content-Type": "application/json",
    },
    body: '{"jsonrpc":"2.0","id":1,"method":"tools/list"}',
  });
  await answer.body?.cancel();
  return answer.status;
};

for (const [revision, mode] of WIRES) {
  test(`a client on ${revision} hears at once which tools its server has`, async () => {
    const name = `tools_${mode}`;
    const made = await create(name);
    const { names } = await connect(made, mode);
    expect(await names()).toContain(ECHO);
    expect(await mcp("tools", name, "--off", "ext:witness")).toMatch(new RegExp(`off +${ECHO}`));
    await until(async () => !(await names()).includes(ECHO), { what: "the tool to go" });
    const listed = await mcp("tools", name, "--on", ECHO, "--json");
    const { tools } = McpServerTools.parse(JSON.parse(listed));
    expect(tools.find((tool) => tool.name === ECHO)).toMatchObject({
      ...{ enabled_in_mcp: true, source: "ext:witness" },
    });
    await until(async () => (await names()).includes(ECHO), { what: "the tool to come back" });
    const typo = await luna.run("mcp", "tools", name, "--off", "WITNESS_GET_ecko");
    expect(typo).toMatchObject({ code: 1, stderr: expect.stringContaining(ECHO) });
  }, 60_000);

  test(`a server of ${revision} is reached under its new name alone, with its key`, async () => {
    const made = await create(`old_${mode}`);
    const { client } = await connect(made, mode);
    const call = { name: ECHO, arguments: { text: "hi" } };
    expect(JSON.stringify(await client.callTool(call))).toContain("hi");
    await mcp("rename", `old_${mode}`, `new_${mode}`);
    expect(await statusOf(made.server.url, made.api_key)).not.toBe(200);
    const url = made.server.url.replace(`old_${mode}`, `new_${mode}`);
    const moved = { ...made, server: { ...made.server, url } };
    const { client: next } = await connect(moved, mode);
    expect(JSON.stringify(await next.callTool(call))).toContain("hi");
    // Some clients write `_` as `-`.
    expect(await statusOf(url.replace("new_", "new-"), made.api_key)).toBe(200);
  }, 60_000);
}

test("a session goes on under the server's new name", async () => {
  const made = await create("before");
  const { sessionId } = await connect(made, "legacy");
  await mcp("rename", "before", "after");
  const answer = await fetch(made.server.url.replace("before", "after"), {
    method: "POST",
    headers: {
      Authorization: `Bearer ${made.api_key}`,
      Accept: "application/json, text/event-stream",
      "Content-Type": "application/json",
      "MCP-Protocol-Version": "2025-11-25",
      "Mcp-Session-Id": sessionId() ?? "",
    },
    body: '{"jsonrpc":"2.0","id":7,"method":"ping"}',
  });
  expect(answer.status).toBe(200);
  expect(await answer.text()).toContain('"id":7');
}, 60_000);

test("a server is switched off and on, its key replaced, and it is deleted, each at once", async () => {
  const { server, api_key } = await create("life");
  const status = (key = api_key) => statusOf(server.url, key);
  expect(await status()).toBe(200);
  await mcp("disable", "life");
  expect(await status()).toBe(404);
  await mcp("enable", "life");
  expect(await status()).toBe(200);
  const next = (await mcp("rotate-key", "life", "--grace", "1h")).trim();
  expect([await status(), await status(next)]).toEqual([200, 200]);
  const last = (await mcp("rotate-key", "life")).trim();
  expect([await status(), await status(next), await status(last)]).toEqual([401, 401, 200]);
  const { servers } = McpServerList.parse(JSON.parse(await mcp("list", "--json")));
  expect(servers.find(({ name }) => name === "life")).toMatchObject({ key_hint: last.slice(-4) });
  expect(await mcp("list")).not.toContain(last);
  await mcp("delete", "life");
  expect(await status(last)).toBe(401);
}, 60_000);

test("a named server advertises no sign-in", async () => {
  const { server } = await create("quiet");
  const refused = await fetch(server.url, { method: "POST" });
  expect(refused.headers.get("WWW-Authenticate")).toBe("Bearer");
  const { origin, pathname } = new URL(server.url);
  for (const kind of ["oauth-protected-resource", "oauth-authorization-server"]) {
    expect((await fetch(`${origin}/.well-known/${kind}${pathname}`)).status).toBe(404);
  }
}, 60_000);
