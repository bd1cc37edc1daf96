/** Extensions written in Python on the compiled Luna: a database, the standard library alone, and everything that goes wrong. */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { readFileSync } from "node:fs";
import {
  Client as McpClient,
  StreamableHTTPClientTransport as McpTransport,
} from "@modelcontextprotocol/client";
import connect from "postgres";
import { z } from "zod";
import { McpServerKey } from "../../src/contract/mcp-servers.ts";
import { ToolsFile } from "../../src/contract/tool.ts";
import { readJsonIfThere } from "../../src/lib/files.ts";
import { childrenOf, sendSignal, statOf } from "../../src/lib/proc.ts";
import { fixtureExtension } from "../support/fixture.ts";
import { type LlmStandIn, startLlmStandIn } from "../support/llm-stand-in.ts";
import { type PostgresServer, startPostgres } from "../support/postgres.ts";
import { type Luna, startLuna } from "../support/start-luna.ts";
import { until } from "../support/until.ts";

/** Every bound under test is far below; this is for machines with much else to do. */
setDefaultTimeout(60_000);
const START_TIMEOUT_MS = 120_000;

const SCHEMA = `
CREATE TABLE memories (id SERIAL PRIMARY KEY, content TEXT NOT NULL,
  created_at TIMESTAMPTZ DEFAULT now(), updated_at TIMESTAMPTZ DEFAULT now());
CREATE TABLE task_flows (id SERIAL PRIMARY KEY, call_name TEXT UNIQUE NOT NULL, prompts JSONB DEFAULT '[]',
  agent VARCHAR(255) DEFAULT 'simple_agent', created_at TIMESTAMPTZ DEFAULT now(), updated_at TIMESTAMPTZ DEFAULT now());
CREATE TABLE scheduled_prompts (id SERIAL PRIMARY KEY, time_of_day TEXT, days_of_week JSONB DEFAULT '[]', prompt TEXT,
  agent TEXT, enabled BOOLEAN DEFAULT true, created_at TIMESTAMPTZ DEFAULT now(), updated_at TIMESTAMPTZ DEFAULT now());
`;
const CANARY = "canary-that-nobody-may-read";
const FAULTY_KEY = "key-of-the-faulty-extension";

let postgres: PostgresServer;
let database: ReturnType<typeof connect>;
let llm: LlmStandIn;
let luna: Luna;

beforeAll(async () => {
  llm = startLlmStandIn();
  postgres = await startPostgres();
  const settings = await postgres.createDatabase();
  if (settings.dialect !== "postgres" || "url" in settings.connection) {
    throw new Error("It is no Postgres of our own");
  }
  const { host, port, database: name, username } = settings.connection;
  database = connect({ ...settings.connection, max: 1, onnotice: () => undefined });
  await database.unsafe(SCHEMA);
  luna = await startLuna({
    environment: { OPENAI_API_KEY: "sk-test", OPENAI_BASE_URL: llm.url },
    files: {
      ...(await fixtureExtension("automation_memory")),
      ...(await fixtureExtension("todo_list")),
      ...(await fixtureExtension("python_faults")),
      ".env": `DB_HOST=${host}\nDB_PORT=${port}\nDB_NAME=${name}\nDB_USER=${username}\nDB_PASSWORD=none\nFAULTY_KEY=${FAULTY_KEY}\nCANARY_KEY=${CANARY}\n`,
    },
  });
}, START_TIMEOUT_MS);
afterAll(async () => {
  await luna.stop();
  const left = luna.processes();
  await luna.remove();
  await database.end();
  await postgres.remove();
  await llm.stop();
  expect(left).toEqual([]);
}, START_TIMEOUT_MS);

const Executed = z.object({ success: z.boolean(), result: z.unknown() });

async function call(tool: string, args: object = {}) {
  const response = await luna.control(`/tools/execute/${tool}`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(args),
  });
  return Executed.parse(await response.json());
}

async function described(extension: string): Promise<ToolsFile> {
  const file = await readJsonIfThere(luna.paths.toolsFile(extension), ToolsFile);
  if (file === undefined) throw new Error(`"${extension}" is not described`);
  return file;
}

const Pid = z.object({ pid: z.int(), threads: z.int(), parent: z.int() });
const pid = async () => Pid.parse((await call("PYFAULT_pid")).result);
const log = (): string => readFileSync(luna.paths.log("tool-host-python_faults"), "utf8");
const failed = (text: string) => ({ success: false, result: expect.stringContaining(text) });

describe("what is told of Python tools", () => {
  test("names, docstrings and type hints, as for all others", async () => {
    const { tools, system_prompt, problems } = await described("automation_memory");
    expect(problems).toEqual([]);
    expect(system_prompt).toStartWith("The user has memories");
    expect(tools).toHaveLength(14);
    expect(tools.find(({ name }) => name === "FLOW_UPDATE_create")).toEqual({
      name: "FLOW_UPDATE_create",
      description: "Create a task flow.\nNotes: Names are unique.",
      example: {
        prompt: 'make a flow called morning with the prompts "weather" and "news"',
        args: { call_name: "morning", prompts: ["weather", "news"] },
        response: { success: true, id: 1 },
      },
      input_schema: {
        type: "object",
        properties: {
          call_name: { type: "string" },
          prompts: { type: "array", items: { type: "string" } },
          agent: { type: "string", default: "simple_agent" },
        },
        required: ["call_name", "prompts"],
      },
    });
  });

  test("also where files of both languages lie beside each other", async () => {
    const { tools, system_prompt, problems } = await described("todo_list");
    expect(problems).toEqual([]);
    expect(system_prompt).toBe("The user has a todo list.");
    const names = tools.map(({ name }) => name);
    expect(names.sort()).toEqual([
      ...["TODO_ACTION_add", "TODO_GET_list", "TODO_GET_motto", "TODO_GET_one", "TODO_GET_untyped"],
    ]);
    expect(tools.find(({ name }) => name === "TODO_GET_list")).toMatchObject({
      ...{ title: "The list", timeout_ms: 20_000, annotations: { readOnlyHint: true } },
    });
    const add = tools.find(({ name }) => name === "TODO_ACTION_add");
    expect(add?.description).toBe("Add something to the list.\n\nNotes: One at a time.");
    expect(add?.example).toEqual({
      prompt: "Add milk for tomorrow",
      args: { content: "milk", priority: "high" },
      response: { id: 1, content: "milk" },
    });
    expect(add?.input_schema["properties"]).toEqual({
      content: { type: "string" },
      priority: { type: "string", enum: ["low", "high"], default: "low" },
      due: { anyOf: [{ type: "string", format: "date" }, { type: "null" }] },
      tags: { type: "array", items: { type: "string" }, default: [] },
    });
  });

  test("a file that cannot be imported, or ends its process, costs itself alone", async () => {
    const { tools, problems } = await described("python_faults");
    expect(tools.length).toBeGreaterThan(10);
    expect(problems).toEqual([
      'Cannot load "tools/a_broken_tools.py": RuntimeError: the moon is in the wrong phase',
      'Cannot load "tools/b_ending_tools.py": it ends its process (exit code 0) when it is imported',
      expect.stringMatching(
        /^Cannot load "tools\/c_syntax_tools.py": line 2, column \d+: SyntaxError/,
      ),
    ]);
  });
});

describe("an extension with a database", () => {
  test("keeps what it was told, through MCP and the agent", async () => {
    const made = await luna.control("/mcp-servers/create", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ name: "python" }),
    });
    const { server, api_key } = McpServerKey.parse(await made.json());
    const client = new McpClient({ name: "test", version: "1" });
    const requestInit = { headers: { Authorization: `Bearer ${api_key}` } };
    await client.connect(new McpTransport(new URL(server.url), { requestInit }));
    const words = { content: "likes ünïcode" };
    const created = await client.callTool({ name: "MEMORY_UPDATE_create", arguments: words });
    expect(created.isError ?? false).toBe(false);
    expect(created.content).toEqual([{ type: "text", text: '{"success": true, "id": 1}' }]);
    await client.close();
    // Committed: another connection sees it.
    expect(await database`SELECT id, content FROM memories`).toEqual([
      { id: 1, ...words },
    ] as never);

    llm.script(
      {
        tool_calls: [
          { name: "MEMORY_UPDATE_update", arguments: { id: "1", content: "likes tea" } },
        ],
      },
      { text: "I changed it." },
    );
    const response = await fetch(`${luna.url}/api/agent/v1/chat/completions`, {
      method: "POST",
      headers: {
        Authorization: `Bearer ${luna.credentials.agentKey}`,
        "Content-Type": "application/json",
      },
      body: JSON.stringify({
        model: "simple_agent",
        messages: [{ role: "user", content: "Remember tea." }],
      }),
    });
    expect(await response.text()).toContain("I changed it.");
    expect(await call("MEMORY_GET_all")).toEqual({
      success: true,
      result: '{"memories": [{"id": 1, "content": "likes tea"}]}',
    });
  });

  test("has all its tools: flows, schedules, failures in its own words", async () => {
    expect(await call("FLOW_UPDATE_create", { call_name: "m", prompts: ["a", "b"] })).toEqual({
      success: true,
      result: '{"success": true, "id": 1}',
    });
    expect((await call("FLOW_UPDATE_create", { call_name: "m", prompts: [] })).result).toContain(
      "Error creating flow: duplicate key",
    );
    expect(await call("FLOW_GET_by_name", { call_name: "no" })).toEqual(
      failed("Flow 'no' not found"),
    );
    await call("FLOW_UPDATE_update", { id: 1, agent: "passthrough_agent" });
    expect((await call("FLOW_UPDATE_update", { id: 1 })).result).toContain("No updates specified");
    expect((await call("FLOW_GET_all")).result).toBe(
      '{"flows": [{"id": 1, "call_name": "m", "prompts": ["a", "b"], "agent": "passthrough_agent"}]}',
    );
    const week = [false, true, true, true, true, true, false];
    const schedule = { time_of_day: "09:00", days_of_week: week, prompt: "news" };
    expect(await call("SCHEDULE_UPDATE_create", schedule)).toMatchObject({ success: true });
    await call("SCHEDULE_UPDATE_update", { id: 1, enabled: "false" });
    expect((await call("SCHEDULE_GET_all")).result).toContain('"enabled": false');
    expect(await call("MEMORY_UPDATE_create", {})).toEqual(
      failed(
        'Cannot run "MEMORY_UPDATE_create": its arguments are not right:\ncontent: is missing',
      ),
    );
  });

  test("goes on after its server was gone", async () => {
    await postgres.crash();
    expect(await call("MEMORY_GET_all")).toEqual(failed("Error getting memories"));
    await postgres.start();
    expect(await call("MEMORY_GET_all")).toMatchObject({ success: true });
  });

  test("gets the secrets that it asks for, and no others", async () => {
    const { result } = await call("MEMORY_GET_environment");
    const { names } = z.object({ names: z.array(z.string()) }).parse(result);
    // Python sets LC_CTYPE itself where nothing says what texts are in.
    expect(names.filter((name) => name !== "LC_CTYPE")).toEqual(
      [
        ...["BUN_RUNTIME_TRANSPILER_CACHE_PATH", "DB_HOST", "DB_NAME", "DB_PASSWORD", "DB_PORT"],
        ...["DB_USER", "HOME", "LUNA_EXTENSION", "LUNA_HOME", "LUNA_PORTS", "LUNA_PORT_OFFSET"],
        ...["LUNA_PROCESS_ID", "LUNA_PYTHON", "PATH", "PYTHONDONTWRITEBYTECODE", "PYTHONPATH"],
        ...["PYTHONUTF8", "TIME_ZONE"],
      ].sort(),
    );
    const other = await call("PYFAULT_secret");
    expect(other.result).toMatchObject({ loaded: true, found: "" });
    expect(JSON.stringify(other.result)).not.toContain("CANARY_KEY");
  });
});

describe("an extension with the standard library alone", () => {
  test("answers with its own classes, shares its modules, and takes what models write", async () => {
    expect(await call("TODO_ACTION_add", { content: "milk", due: "2026-12-01" })).toEqual({
      success: true,
      result: { id: 1, content: "milk", priority: "low", due: "2026-12-01" },
    });
    await call("TODO_ACTION_add", { content: "tea", priority: "high" });
    expect(await call("TODO_GET_list", { order: "newest", wait: "0.01" })).toEqual({
      success: true,
      result: '{"items": ["tea", "milk"]}',
    });
    expect(await call("TODO_GET_one", { id: 2 })).toEqual({
      success: true,
      result: { id: 2, content: "tea", priority: "high", due: null },
    });
    expect(await call("TODO_GET_one", { id: 3 })).toEqual(failed("There is no item 3"));
    expect(await call("TODO_GET_untyped", { what: { a: 1 }, extra: [2] })).toEqual({
      success: true,
      result: { what: { a: 1 }, later: null, more: { extra: [2] } },
    });
    expect(await call("TODO_ACTION_add", { content: 7, priority: "urgent", due: "soon" })).toEqual(
      failed(
        'content: should be a text, not 7\npriority: should be one of "low", "high", not "urgent"\ndue: should be',
      ),
    );
    expect(await call("TODO_GET_motto")).toEqual({ success: true, result: "One thing at a time" });
    // Two wait at the same time.
    const began = performance.now();
    await Promise.all([1, 2, 3].map(() => call("TODO_GET_list", { wait: 0.5 })));
    expect(performance.now() - began).toBeLessThan(1_400);
  });
});

describe("a Python tool that", () => {
  test("raises tells what, without a secret", async () => {
    const { result } = await call("PYFAULT_raise");
    expect(result).toBe('Cannot run "PYFAULT_raise": ValueError: with the key [redacted]');
    await until(() => log().includes("Traceback"));
    expect(log()).not.toContain(FAULTY_KEY);
  });

  test("ends its process costs that call alone", async () => {
    const before = await pid();
    for (const [tool, how] of [
      ["PYFAULT_exit", "exit code 3"],
      ["PYFAULT_crash", "SIGSEGV"],
    ] as const) {
      const other = call("TODO_GET_list", { wait: 0.3 });
      expect(await call(tool)).toEqual(failed(`its Python process ended during the call (${how})`));
      expect(await other).toMatchObject({ success: true });
    }
    const after = await pid();
    expect(after.pid).not.toBe(before.pid);
    expect(after.parent).toBe(before.parent);
    expect(await call("PYFAULT_sys_exit")).toEqual(failed("it called sys.exit(4)"));
    expect((await pid()).pid).toBe(after.pid);
  });

  test("prints says it to the log, and nothing of it to whoever called", async () => {
    expect(await call("PYFAULT_noise")).toEqual({ success: true, result: "quiet" });
    const texts = ["printed 42", "without an end", "a warning", "from a child", "forged"];
    await until(() => texts.every((text) => log().includes(text)), { what: "the log" });
    expect(log()).toContain('"message":"printed 42"');
  });

  test("answers with too much, with what is no JSON, or with what has no end", async () => {
    const before = await pid();
    expect(await call("PYFAULT_huge")).toEqual(failed("tool_host.result_bytes_max"));
    expect(await call("PYFAULT_circular")).toEqual(failed("Circular reference"));
    const { success, result } = await call("PYFAULT_odd");
    expect(success).toBe(true);
    expect(result).toEqual({ set: [1], nan: null, bytes: "/w==", 3: "(1+2j)", text: "? ü" });
    expect((await pid()).pid).toBe(before.pid);
  });

  test("hangs is ended after its time: by an exception, in the event loop, or with its process", async () => {
    const file = JSON.parse(readFileSync(luna.paths.masterConfig, "utf8"));
    file.tool_host = { ...file.tool_host, call_timeout_ms: 1_000 };
    await Bun.write(luna.paths.masterConfig, JSON.stringify(file));
    const before = await until(pid);
    const late = failed("within its limit of 1 s");
    expect(await call("PYFAULT_loop")).toEqual(late);
    expect(await call("PYFAULT_endless")).toEqual(late);
    await until(() => log().includes("the coroutine heard of it"), { what: "the coroutine" });
    await until(async () => (await pid()).threads <= before.threads, { what: "the loop to end" });
    expect((await pid()).pid).toBe(before.pid);
    // Nothing wakes it: its process goes, once it is nobody else's.
    expect(await call("PYFAULT_stubborn")).toEqual(late);
    await until(async () => (await pid()).pid !== before.pid, { what: "another process" });
    await until(() => statOf(before.pid)?.alive !== true, { what: "the stuck one to go" });
  });

  test("leaves children loses them with its tool host", async () => {
    const child = z.int().parse((await call("PYFAULT_child")).result);
    const { parent, pid: python } = await pid();
    expect(childrenOf(parent)).toContain(python);
    sendSignal(parent, "SIGKILL");
    await until(() => statOf(python)?.alive !== true, { what: "Python to end with its host" });
    await until(async () => (await pid()).parent !== parent, { what: "another host" });
    await until(() => statOf(child)?.alive !== true, { what: "the child to end" });
  });
});
