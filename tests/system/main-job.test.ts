/** The main job on the compiled Luna: tools through the control API, the agent API and MCP, with the real SDKs. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import OpenAI from "openai";
import { McpServerKey } from "../../src/contract/mcp-servers.ts";
import { ExecuteAnswer } from "../../src/contract/tool.ts";
import { sendSignal, statOf } from "../../src/lib/proc.ts";
import { fixtureExtension } from "../support/fixture.ts";
import { type LlmStandIn, startLlmStandIn } from "../support/llm-stand-in.ts";
import { BINARY, type Luna, startLuna } from "../support/start-luna.ts";
import { until } from "../support/until.ts";

const NOTES = [
  "NOTES_GET_all",
  "NOTES_GET_search",
  "NOTES_UPDATE_create",
  "NOTES_UPDATE_delete",
  "NOTES_UPDATE_update",
];
const SECRET = "planted-7f3a9b2c";

let luna: Luna;
let llm: LlmStandIn;
beforeAll(async () => {
  llm = startLlmStandIn();
  luna = await startLuna({
    files: await fixtureExtension("faulty"),
    environment: { OPENAI_BASE_URL: llm.url, OPENAI_API_KEY: "sk-stand-in", FAULTY_SECRET: SECRET },
  });
});
afterAll(async () => {
  await luna.stop();
  const left = luna.processes();
  await luna.remove();
  await llm.stop();
  expect(left).toEqual([]);
});

async function execute(tool: string, args: unknown = {}): Promise<ExecuteAnswer> {
  const response = await luna.control(`/tools/execute/${tool}`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(args),
  });
  const body = await response.json();
  if (response.status !== 200) throw new Error(JSON.stringify(body));
  return ExecuteAnswer.parse(body);
}

describe("tools", () => {
  test("the starter is there, described without a process of its own", async () => {
    const { tools, problems } = await (await luna.control("/tools/all")).json();
    const names = tools.map(({ name }: { name: string }) => name);
    for (const name of NOTES) expect(names).toContain(name);
    expect(problems).toEqual([]);
  });

  test("a note is created, found, changed and deleted, and is in the extension's own folder", async () => {
    const created = await execute("NOTES_UPDATE_create", { title: "Bread", body: "rye, 2 loaves" });
    expect(created.success).toBe(true);
    const found = await execute("NOTES_GET_search", { query: "loaves" });
    expect(JSON.stringify(found.result)).toContain("rye, 2 loaves");
    const files = [...new Bun.Glob("**/*").scanSync(`${luna.home}/extensions/notes/data`)];
    expect(files.length).toBeGreaterThan(0);
  });

  test("arguments that do not fit are refused in words", async () => {
    const answer = await execute("NOTES_UPDATE_create", { title: 7 });
    expect(answer.success).toBe(false);
    expect(String(answer.result)).toContain("title");
  });

  test("a tool that is not there is a 404", async () => {
    await expect(execute("NOTES_no_such")).rejects.toThrow("not_found");
  });

  test("a host has only its own secrets in its environment", async () => {
    const { result } = await execute("FAULTY_environment");
    const { names, pid } = result as { names: string[]; pid: number };
    expect(names).toContain("FAULTY_SECRET");
    const environ = await Bun.file(`/proc/${pid}/environ`).text();
    expect(environ).toContain(SECRET);
    for (const secret of [...Object.values(luna.credentials), "sk-stand-in"]) {
      expect(environ).not.toContain(secret);
    }
    const agent = await Bun.file(`/proc/${await luna.pidOf("agent")}/environ`).text();
    expect(agent).not.toContain(SECRET);
  });

  const FAULTS: [string, RegExp, number][] = [
    ["FAULTY_exit", /ended|exit/, 5_000],
    ["FAULTY_endless", /0\.5 s|500 ms/, 5_000],
    ["FAULTY_silent", /0\.3 s|300 ms/, 2_000],
    ["FAULTY_throw", /the cat ate it/, 2_000],
    ["FAULTY_huge", /bytes|MB/, 10_000],
    ["FAULTY_rejection", /nobody listens/, 2_000],
  ];
  for (const [tool, text, limitMs] of FAULTS) {
    test(`${tool} costs its caller one clear error, and nobody else anything`, async () => {
      const began = performance.now();
      const [answer, bystander] = await Promise.all([execute(tool), execute("NOTES_GET_all")]);
      expect(answer.success).toBe(false);
      expect(String(answer.result)).toMatch(text);
      expect(String(answer.result)).toStartWith(`Cannot run "${tool}"`);
      expect(performance.now() - began).toBeLessThan(limitMs);
      expect(bystander.success).toBe(true);
      const after = await execute("FAULTY_echo", { text: "still here" });
      expect(after).toMatchObject({ success: true, result: "still here" });
    });
  }

  test("a host that is killed starts again with the next call", async () => {
    const first = await execute("FAULTY_environment");
    sendSignal((first.result as { pid: number }).pid, "SIGKILL");
    const second = await until(async () => {
      const answer = await execute("FAULTY_environment");
      return answer.success ? answer : undefined;
    });
    expect((second.result as { pid: number }).pid).not.toBe((first.result as { pid: number }).pid);
  });
});

describe("the agent API, with the openai package", () => {
  const client = () =>
    new OpenAI({
      baseURL: `${luna.url}/api/agent/v1`,
      apiKey: luna.credentials.agentKey,
      maxRetries: 0,
    });

  test("lists models, chats and streams", async () => {
    const models = await client().models.list();
    expect(models.data.map(({ id }) => id)).toContain("simple_agent");
    llm.script({ text: "Good morning." });
    const answer = await client().chat.completions.create({
      model: "simple_agent",
      messages: [{ role: "user", content: "Say good morning" }],
    });
    expect(answer.choices[0]?.message.content).toBe("Good morning.");
    llm.script({ tokens: ["Good ", "evening", "."] });
    const stream = await client().chat.completions.create({
      model: "simple_agent",
      messages: [{ role: "user", content: "Say good evening" }],
      stream: true,
    });
    const pieces: string[] = [];
    for await (const chunk of stream) pieces.push(chunk.choices[0]?.delta.content ?? "");
    expect(pieces.filter((piece) => piece !== "")).toEqual(["Good ", "evening", "."]);
  });

  test("an agent calls notes in a loop, and the answer is in the body", async () => {
    llm.script(
      {
        tool_calls: [
          { name: "NOTES_UPDATE_create", arguments: { title: "Agent", body: "was here" } },
        ],
      },
      { tool_calls: [{ name: "NOTES_GET_search", arguments: { query: "was here" } }] },
      { text: "I wrote a note." },
    );
    const answer = await client().chat.completions.create({
      model: "simple_agent",
      messages: [{ role: "user", content: "Write a note" }],
    });
    expect(answer.choices[0]?.message.content).toBe("I wrote a note.");
    const found = await execute("NOTES_GET_search", { query: "was here" });
    expect(JSON.stringify(found.result)).toContain("Agent");
  });

  test("a wrong key is refused, and no key without a session as well", async () => {
    const wrong = new OpenAI({
      baseURL: `${luna.url}/api/agent/v1`,
      apiKey: "sk-luna-no",
      maxRetries: 0,
    });
    await expect((async () => await wrong.models.list())()).rejects.toThrow("401");
    expect((await fetch(`${luna.url}/api/agent/v1/models`)).status).toBe(401);
    const cookie = await luna.signIn();
    const withSession = await fetch(`${luna.url}/api/agent/v1/models`, {
      headers: { Cookie: cookie },
    });
    expect(withSession.status).toBe(200);
  });

  test("a model that fails gives an error in words", async () => {
    llm.script({
      status: 429,
      body: { error: { message: "slow down" } },
      headers: { "Retry-After": "7" },
    });
    const request = async () =>
      await client().chat.completions.create({
        model: "simple_agent",
        messages: [{ role: "user", content: "Hello" }],
      });
    await expect(request()).rejects.toThrow(/429/);
  });
});

describe("a named MCP server, with the SDK's client", () => {
  let made: McpServerKey;
  beforeAll(async () => {
    const response = await luna.control("/mcp-servers/create", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ name: "kitchen_pc" }),
    });
    made = McpServerKey.parse(await response.json());
  });

  const connect = async (
    headers: Record<string, string>,
    url = made.server.url,
  ): Promise<Client> => {
    const client = new Client({ name: "test", version: "1" });
    // The SDK's own types do not agree under exactOptionalPropertyTypes.
    const transport = new StreamableHTTPClientTransport(new URL(url), { requestInit: { headers } });
    await client.connect(transport as Parameters<Client["connect"]>[0]);
    return client;
  };

  test("lists and calls with Bearer and with X-API-Key, under both spellings", async () => {
    const url = made.server.url;
    for (const [headers, address] of [
      [{ Authorization: `Bearer ${made.api_key}` }, url],
      [{ "X-API-Key": made.api_key }, url.replace("kitchen_pc", "kitchen-pc")],
    ] as const) {
      const client = await connect(headers, address);
      const { tools } = await client.listTools();
      for (const name of NOTES) expect(tools.map((tool) => tool.name)).toContain(name);
      const answer = await client.callTool({ name: "NOTES_GET_all", arguments: {} });
      expect(answer.isError ?? false).toBe(false);
      const fault = await client.callTool({ name: "FAULTY_throw", arguments: {} });
      expect(fault.isError).toBe(true);
      await client.close();
    }
  });

  test("refuses a wrong key, and the old one after a new one was made", async () => {
    await expect(connect({ Authorization: "Bearer wrong" })).rejects.toThrow();
    const response = await fetch(made.server.url, {
      method: "POST",
      headers: { "X-API-Key": "wrong" },
    });
    expect(response.status).toBe(401);
    const renewed = McpServerKey.parse(
      await (
        await luna.control("/mcp-servers/kitchen_pc/regenerate-key", { method: "POST" })
      ).json(),
    );
    await until(async () => {
      const old = await fetch(made.server.url, {
        method: "POST",
        headers: { "X-API-Key": made.api_key },
      });
      return old.status === 401;
    });
    made = renewed;
    await (await connect({ "X-API-Key": renewed.api_key })).close();
  });

  test("shows no key in its list", async () => {
    const text = await (await luna.control("/mcp-servers/list")).text();
    expect(text).toContain("kitchen_pc");
    expect(text).not.toContain(made.api_key);
    expect(await Bun.file(luna.paths.masterConfig).text()).not.toContain(made.api_key);
  });

  test("luna mcp stdio bridges the same server, and goes on after MCP was killed", async () => {
    const client = new Client({ name: "stdio", version: "1" });
    const transport = new StdioClientTransport({
      command: BINARY,
      args: ["mcp", "stdio", "--hub", "kitchen_pc"],
      env: luna.environment,
    });
    await client.connect(transport as Parameters<Client["connect"]>[0]);
    try {
      const before = (await client.listTools()).tools.length;
      expect(before).toBeGreaterThan(NOTES.length);
      const pid = await luna.pidOf("mcp");
      sendSignal(pid, "SIGKILL");
      // A call that met the dying process would be lost: it may have run, so nobody repeats it.
      await until(() => statOf(pid) === undefined);
      const after = await client.callTool({
        name: "FAULTY_echo",
        arguments: { text: "over stdio" },
      });
      expect(JSON.stringify(after.content)).toContain("over stdio");
    } finally {
      await client.close();
    }
  });

  test("advertises no OAuth", async () => {
    for (const path of [
      "oauth-protected-resource",
      "oauth-protected-resource/api/mcp-work/mcp",
      "oauth-authorization-server/api/mcp-work/mcp",
      "openid-configuration",
    ]) {
      const response = await fetch(`${luna.url}/.well-known/${path}`);
      expect(response.status).toBe(404);
      expect(response.headers.get("Content-Type")).toContain("application/json");
    }
  });
});

test("a tool host that nobody calls is gone, and comes back with the next call", async () => {
  const lazy = await startLuna({
    files: {
      ...(await fixtureExtension("faulty")),
      ".luna/master_config.json": JSON.stringify({ tool_host: { idle_ms: 1_000 } }),
    },
    environment: { FAULTY_SECRET: SECRET },
  });
  try {
    const run = async (): Promise<{ pid: number }> => {
      const response = await lazy.control("/tools/execute/FAULTY_environment", {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: "{}",
      });
      return (await response.json()).result;
    };
    const names = () => lazy.processes().map(({ pid }) => pid);
    const { pid } = await run();
    expect(names()).toContain(pid);
    await until(() => !names().includes(pid), { what: "the idle host to end" });
    await until(async () => (await lazy.state()).services["tool-host-faulty"]?.status === "exited");
    expect((await run()).pid).not.toBe(pid);
    expect((await lazy.run("status")).code).toBe(0);
  } finally {
    await lazy.stop();
    await lazy.remove();
  }
});
