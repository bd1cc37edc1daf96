/** An extension that offers the tools of other MCP servers, on the compiled Luna: real servers of either wire, and programs. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { resolve } from "node:path";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { ElicitRequestSchema } from "@modelcontextprotocol/sdk/types.js";
import { z } from "zod";
import { McpServerKey } from "../../src/contract/mcp-servers.ts";
import { Overview } from "../../src/contract/process.ts";
import { ToolsFile } from "../../src/contract/tool.ts";
import { findByVariable, sendSignal } from "../../src/lib/proc.ts";
import { freePort } from "../support/edge.ts";
import { apply, postJson } from "../support/runs.ts";
import { type Luna, startLuna } from "../support/start-luna.ts";
import { until } from "../support/until.ts";
import {
  PAGE,
  type RemoteServer,
  SCHEMA,
  serveNew,
  serveOld,
} from "../support/upstream-servers.ts";
import { upload } from "../support/versions.ts";

setDefaultTimeout(60_000);

const PROGRAM = resolve(import.meta.dir, "../fixtures/mcp/stdio-server.ts");
/** Of 2026-07-28. */
const NEW_PROGRAM = resolve(import.meta.dir, "../fixtures/mcp/stdio-server-new.ts");
const SECRET = "the-key-of-the-tracker";

let luna: Luna;
let client: Client;
/** Another client, whose person has that name. */
let connect: (name: string) => Promise<Client>;
/** Where people were sent to. */
const pages: string[] = [];
let fresh: RemoteServer;
let old: ReturnType<typeof serveOld>;
beforeAll(async () => {
  fresh = serveNew();
  old = serveOld();
  const manifest = {
    version: "1",
    required_secrets: ["TRACKER_KEY"],
    mcp_servers: {
      tracker: {
        url: old.url,
        headers: { Authorization: { secret: "TRACKER_KEY", prefix: "Bearer " } },
      },
      fresh: { url: fresh.url },
      local: {
        ...{ command: process.execPath, args: [PROGRAM, "one word"], env: { CITY: "Ulm" } },
        secrets: ["TRACKER_KEY"],
      },
      next: { command: process.execPath, args: [NEW_PROGRAM] },
      down: { url: `http://127.0.0.1:${freePort()}/mcp` },
    },
  };
  luna = await startLuna({
    files: {
      ".env": `TRACKER_KEY=${SECRET}\nOTHER_KEY=not-for-it\n`,
      "extensions/far/config.json": JSON.stringify(manifest),
    },
  });
  const made = await postJson(luna, "/mcp-servers/create", { name: "all" });
  const { server, api_key } = McpServerKey.parse(await made.json());
  connect = async (name) => {
    const one = new Client(
      { name: "test", version: "1" },
      { capabilities: { elicitation: { form: {}, url: {} } } },
    );
    one.setRequestHandler(ElicitRequestSchema, ({ params }) => {
      if (!("url" in params)) return { action: "accept", content: { name } };
      pages.push(String(params.url));
      return { action: "accept" };
    });
    const transport = new StreamableHTTPClientTransport(new URL(server.url), {
      requestInit: { headers: { Authorization: `Bearer ${api_key}` } },
    });
    // The SDK's transport has optional fields that its own interface writes otherwise.
    await one.connect(transport as Parameters<Client["connect"]>[0]);
    return one;
  };
  client = await connect("Ada");
  await until(async () => (await names()).includes(ECHO));
});
afterAll(async () => {
  await client.close();
  await luna.stop();
  const left = luna.processes();
  await luna.remove();
  await fresh.stop();
  await old.stop();
  expect(left).toEqual([]);
});

/** A dot is nothing that every client takes: the name has a hash of the own one. */
const HASH = new Bun.CryptoHasher("sha256").update("echo.back").digest("hex").slice(0, 8);
const ECHO = `FRESH_echo_back_${HASH}`;

const names = async () =>
  (await client.listTools()).tools
    .map(({ name }) => name)
    .filter((name) => !name.startsWith("NOTES_"))
    .sort();
const Called = z.looseObject({
  content: z.array(z.looseObject({ text: z.string() })),
  structuredContent: z.unknown().optional(),
  isError: z.boolean().default(false),
});
const call = async (name: string, args: Record<string, unknown> = {}) =>
  Called.parse(await client.callTool({ name, arguments: args }));
const textOf = async (name: string, args: Record<string, unknown> = {}) =>
  (await call(name, args)).content[0]?.text ?? "";
const Told = z.object({
  pid: z.int(),
  env: z.record(z.string(), z.string()),
  argv: z.array(z.string()),
});
const toldByProgram = async () =>
  Told.parse(JSON.parse(await textOf("LOCAL_environment", { text: "a" })));

test("tools of remote servers of either wire, and of a program, are offered by names of their own", async () => {
  expect(await names()).toEqual([
    ...[ECHO, "LOCAL_end", "LOCAL_environment", "LOCAL_spawn", "LOCAL_stay", "NEXT_ask"],
    ...[
      "TRACKER_ask",
      "TRACKER_ask-in-call",
      "TRACKER_find-issue",
      "TRACKER_go",
      "TRACKER_go-first",
    ],
  ]);
  const { tools } = await client.listTools();
  const told = (name: string) => tools.find((tool) => tool.name === name);
  expect(told("LOCAL_end")?.inputSchema as unknown).toEqual(SCHEMA);
  expect(told("TRACKER_find-issue")).toMatchObject({
    ...{ description: "Finds an issue", annotations: { readOnlyHint: true } },
    outputSchema: { type: "object", properties: { found: { type: "number" } } },
  });
});

test("calls go through as they are, with what they answer", async () => {
  expect(await textOf(ECHO, { text: "hello" })).toBe("again: hello");
  expect(await call("TRACKER_find-issue", { text: "abc" })).toMatchObject({
    ...{ structuredContent: { found: 3 }, isError: false },
    content: [{ type: "text", text: "issue abc" }],
  });
  expect(old.authorization()).toBe(`Bearer ${SECRET}`);
  const failed = await call("TRACKER_find-issue", { text: "fail" });
  expect([failed.isError, failed.content[0]?.text]).toEqual([true, "no such"]);
});

test("progress and questions come through to the client that called", async () => {
  const heard: unknown[] = [];
  await client.callTool({ name: "TRACKER_find-issue", arguments: { text: "abc" } }, undefined, {
    onprogress: (progress) => heard.push(progress),
  });
  expect(heard).toMatchObject([{ progress: 1, total: 2, message: "half" }]);
  expect(await textOf("TRACKER_ask")).toBe("said Ada");
});

test("of several calls at once each one's client is asked, and no other", async () => {
  const others = await Promise.all(["Bob", "Cleo"].map((name) => connect(name)));
  for (const name of ["TRACKER_ask-in-call", "NEXT_ask"]) {
    const said = [client, ...others].map(async (one) =>
      Called.parse(await one.callTool({ name, arguments: {} })),
    );
    const texts = (await Promise.all(said)).map(({ content }) => content[0]?.text);
    expect(texts.map((text) => text?.replace(/^\d+ /, ""))).toEqual([
      ...["said Ada", "said Bob", "said Cleo"],
    ]);
  }
  await Promise.all(others.map((one) => one.close()));
});

test("a person is sent to the page that a server wants, also before it takes the call", async () => {
  expect(await textOf("TRACKER_go")).toBe("accept");
  expect(pages).toEqual([expect.stringContaining(`${PAGE}?`)]);
  expect(await textOf("TRACKER_go-first")).toBe("been there");
  expect(pages[1]).toBe(PAGE);
});

test("a program gets what its manifest says, and nothing else of Luna's", async () => {
  const { env, argv } = await toldByProgram();
  expect(argv).toEqual(["one word"]);
  expect(env).toMatchObject({ CITY: "Ulm", TRACKER_KEY: SECRET });
  expect(Object.keys(env)).not.toContain("OTHER_KEY");
  expect(Object.keys(env).filter((name) => /TOKEN|SECRET|LUNA_PORTS/.test(name))).toEqual([]);
});

test("one that is down is a problem, and costs the others nothing", async () => {
  const { problems } = Overview.parse(await (await luna.control("/overview")).json());
  const told = await Bun.file(luna.paths.toolsFile("far")).json();
  expect(ToolsFile.parse(told).problems.join()).toContain(
    'Cannot list the tools of the MCP server "down"',
  );
  expect(problems.map(({ title }) => title).join()).toContain('"down"');
  expect(JSON.stringify([problems, told])).not.toContain(SECRET);
});

test("a program that ends costs its call alone, and is started again with the next", async () => {
  const before = (await toldByProgram()).pid;
  expect((await call("LOCAL_end", { text: "a" })).isError).toBe(true);
  const after = await until(async () => (await toldByProgram().catch(() => undefined))?.pid);
  expect(after).not.toBe(before);
});

test("a server that was away is connected to again, and is looked at again when it has other tools", async () => {
  const port = Number(new URL(fresh.url).port);
  await fresh.stop();
  expect((await call(ECHO, { text: "a" })).isError).toBe(true);
  fresh = serveNew({ port, extra: "more" });
  await until(async () => (await textOf(ECHO, { text: "a" })) === "again: a");
  expect((await luna.run("ext", "reload", "far")).stdout).toContain("FRESH_more");
  expect(await names()).toContain("FRESH_more");
  expect(await textOf("FRESH_more", { text: "a" })).toBe("more");
});

test("a server that was started again has forgotten the session, and the call is made all the same", async () => {
  expect(await textOf("TRACKER_find-issue", { text: "abc" })).toBe("issue abc");
  const port = Number(new URL(old.url).port);
  await old.stop();
  old = serveOld(port);
  expect(await textOf("TRACKER_find-issue", { text: "abcd" })).toBe("issue abcd");
});

test("what a server has new is offered as soon as it says so", async () => {
  expect(await textOf("TRACKER_find-issue", { text: "abc" })).toBe("issue abc");
  old.grow("later");
  await until(async () => (await names()).includes("TRACKER_later"), { what: "the new tool" });
  expect(await textOf("TRACKER_later")).toBe("more");
  expect(await textOf("TRACKER_find-issue", { text: "abc" })).toBe("issue abc");
});

test("the owner adds one by a command, and takes it away as any extension", async () => {
  const added = await luna.run("mcp", "add", "mine", old.url, "--bearer", "TRACKER_KEY");
  expect([added.code, added.stdout]).toEqual([0, expect.stringContaining("callable now")]);
  expect(await textOf("MINE_find-issue", { text: "abc" })).toBe("issue abc");
  const program = [process.execPath, PROGRAM];
  const local = await luna.run("mcp", "add", "own", "--secrets", "TRACKER_KEY", "--", ...program);
  expect([local.code, local.stderr]).toEqual([0, ""]);
  expect(await textOf("OWN_environment", { text: "a" })).toContain(SECRET);
  for (const [args, why] of [
    [["mine", old.url], "is there already"],
    [["Bad", old.url], "Cannot"],
    [["other", "http://"], "Cannot add"],
    [["other", "--bearer", "TRACKER_KEY", "--", "sleep"], "Cannot send headers to a program"],
    [["other"], "Usage"],
  ] as const) {
    const refused = await luna.run("mcp", "add", ...args);
    expect([refused.code === 0, refused.stderr]).toEqual([false, expect.stringContaining(why)]);
  }
  const view = await apply(luna, [{ type: "delete", target: "mine" }]);
  expect(view.state).toBe("done");
  await until(async () => !(await names()).some((name) => name.startsWith("MINE_")));
});

test("what an archive would ask and run is shown before it is installed", async () => {
  const manifest = { mcp_servers: { a: { url: "https://a.example/mcp" }, b: { command: "b c" } } };
  const source = await upload(luna, { "config.json": JSON.stringify(manifest) });
  const operations = [{ type: "install", target: "shown", source }];
  const { units } = await (await postJson(luna, "/queue/preview", { operations })).json();
  expect(units[0].permissions).toContain('asks the MCP server "a" at https://a.example/mcp');
  expect(units[0].commands).toEqual([{ name: "mcp_servers.b", text: '"b c"' }]);
});

test("nothing of a program is left when its tool host is killed, not even what it started", async () => {
  const { pid } = await toldByProgram();
  await textOf("LOCAL_spawn", { text: "a" });
  const marked = () => findByVariable("LUNA_HOME", (home) => home === luna.home);
  const programs = () => marked().filter(({ pid: one }) => one === pid);
  expect(programs().length).toBe(1);
  const state = await luna.state();
  const hosts = Object.entries(state.services).filter(([name]) => name.startsWith("tool-host-far"));
  for (const [, { pid: host }] of hosts) if (host !== null) sendSignal(host, "SIGKILL");
  await until(() => programs().length === 0, { what: "the program to end" });
  expect((await toldByProgram()).pid).not.toBe(pid);
});

test("a program that outlives all of Luna, killed at once, is ended by the next start", async () => {
  const { pid } = await toldByProgram();
  await textOf("LOCAL_stay", { text: "a" });
  const killed = luna.processes().filter((one) => one.pid !== pid);
  for (const one of [luna.pid, ...killed.map((other) => other.pid)]) sendSignal(one, "SIGKILL");
  await luna.exited;
  const program = () => luna.processes().filter((one) => one.pid === pid);
  await until(() => luna.processes().length === program().length, { what: "the others to end" });
  expect(program()).toHaveLength(1);
  luna = await startLuna({ home: luna.home, offset: luna.ports.supervisor - 9999 });
  await until(() => program().length === 0, { what: "the program to end" });
  const next = await until(() => toldByProgram().catch(() => undefined), { what: "another one" });
  expect(next.pid).not.toBe(pid);
});
