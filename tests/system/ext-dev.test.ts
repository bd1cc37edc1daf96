/** `luna ext dev` on the compiled Luna: an edit is callable in a moment, for a client that stays connected, and a mistake costs nothing. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { appendFile, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { ToolListChangedNotificationSchema } from "@modelcontextprotocol/sdk/types.js";
import { z } from "zod";
import { MasterConfig } from "../../src/contract/config.ts";
import { ExtensionReload } from "../../src/contract/extension-reload.ts";
import { McpServerKey } from "../../src/contract/mcp-servers.ts";
import { BINARY, type Luna, startLuna } from "../support/start-luna.ts";
import { until } from "../support/until.ts";

setDefaultTimeout(60_000);

/** What an author waits for at most, in the middle of several edits. */
const CALLABLE_MS = 300;
const EDITS = 7;
/** Whatever else this machine does meanwhile is no property of Luna: the best round counts. */
const ROUNDS = 4;
/** How long `luna version` takes on a machine that does nothing else; where it takes longer, everything may. */
const START_MS = 40;

const Line = z.object({
  files: z.array(z.string()),
  reload: ExtensionReload.optional(),
  error: z.string().optional(),
});
const Called = z.object({ content: z.tuple([z.object({ text: z.string() })]) });

let luna: Luna;
let client: Client;
let transport: StreamableHTTPClientTransport;
let listChanges = 0;
let dev: Bun.Subprocess<"ignore", "pipe", "inherit">;
const lines: z.infer<typeof Line>[] = [];
let tools: string;
let original: string;

async function gather(stream: ReadableStream<Uint8Array>): Promise<void> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const piece of stream) {
    text += decoder.decode(piece, { stream: true });
    const whole = text.split("\n");
    text = whole.pop() ?? "";
    for (const line of whole) lines.push(Line.parse(JSON.parse(line)));
  }
}

/** How much slower this machine is at the moment than one that is idle; 1 at least. */
async function slowness(): Promise<number> {
  const times: number[] = [];
  for (let start = 0; start < EDITS; start += 1) {
    const began = performance.now();
    await luna.run("version");
    times.push(performance.now() - began);
  }
  const median = times.toSorted((a, b) => a - b)[Math.floor(EDITS / 2)] ?? START_MS;
  return Math.max(1, median / START_MS);
}

type ToolsOf = NonNullable<ExtensionReload["tools"]>;

/** The first line after `from` that is about the file. */
const lineOf = (file: string, from: number) =>
  until(() => lines.slice(from).find(({ files }) => files.includes(file)), { what: file });

/** What was said of the tools so: an edit is callable before its own line is there, which may come after `from`. */
const toolsLine = (from: number, isIt: (tools: ToolsOf) => boolean) =>
  until(
    () => {
      const told = lines.slice(from).map(({ reload }) => reload?.tools);
      return told.find((tools) => tools !== undefined && tools !== null && isIt(tools));
    },
    { what: "what is said of the tools" },
  );

async function servicePorts(): Promise<Record<string, number | null>> {
  const text = await readFile(luna.paths.masterConfig, "utf8");
  return MasterConfig.parse(JSON.parse(text)).port_assignments.services;
}

async function greeting(): Promise<string> {
  const called = await client.callTool({ name: "WORK_GET_greeting", arguments: { name: "Ada" } });
  return Called.parse(called).content[0].text;
}

beforeAll(async () => {
  luna = await startLuna();
  const response = await luna.control("/mcp-servers/create", {
    ...{ method: "POST", headers: { "Content-Type": "application/json" } },
    body: JSON.stringify({ name: "work" }),
  });
  const { server, api_key } = McpServerKey.parse(await response.json());
  expect((await luna.run("ext", "new", "work")).code).toBe(0);
  tools = join(luna.paths.extensions, "work/tools/work_tools.ts");
  original = await readFile(tools, "utf8");
  client = new Client({ name: "author", version: "1" });
  client.setNotificationHandler(ToolListChangedNotificationSchema, () => {
    listChanges += 1;
  });
  transport = new StreamableHTTPClientTransport(new URL(server.url), {
    requestInit: { headers: { Authorization: `Bearer ${api_key}` } },
  });
  // The SDK's transport has optional fields that its own interface writes otherwise.
  await client.connect(transport as never);
  dev = Bun.spawn([BINARY, "ext", "dev", "work", "--json"], {
    ...{ env: luna.environment, stdin: "ignore", stdout: "pipe", stderr: "inherit" },
  });
  void gather(dev.stdout);
  await until(() => lines.length > 0, { what: "the first line" });
});
afterAll(async () => {
  dev.kill();
  expect(await dev.exited).toBe(0);
  await client.close();
  await luna.stop();
  const left = luna.processes();
  await luna.remove();
  expect(left).toEqual([]);
});

test("an edit is callable in under 300 ms, in the session that was there", async () => {
  const session = transport.sessionId;
  const shares: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const times: number[] = [];
    const factor = await slowness();
    for (let edit = 0; edit < EDITS; edit += 1) {
      const phrase = `Hello ${round}-${edit}`;
      const began = performance.now();
      await writeFile(tools, original.replace('"Hello"', `"${phrase}"`));
      await until(async () => (await greeting()).includes(`${phrase}, Ada!`));
      times.push(performance.now() - began);
    }
    const sorted = times.toSorted((a, b) => a - b).map(Math.round);
    const bound = Math.round(CALLABLE_MS * factor);
    process.stdout.write(`Edit to callable, ms: ${sorted.join(" ")}; at most ${bound}\n`);
    shares.push((sorted[Math.floor(EDITS / 2)] ?? Number.POSITIVE_INFINITY) / bound);
    if (Math.min(...shares) < 1) break;
  }
  expect(Math.min(...shares)).toBeLessThan(1);
  expect(transport.sessionId).toBe(session);
  // Clients are told the same as before: nothing to look at again.
  expect(listChanges).toBe(0);
});

test("what clients are told of a tool changes for those that are connected", async () => {
  const description = "Greets a person, and means it.";
  const from = lines.length;
  await writeFile(tools, original.replace("Greets a person by name, in", `${description} In`));
  const told = await toolsLine(from, ({ changed }) => changed.length > 0);
  expect(told).toMatchObject({ status: "loaded", changed: ["WORK_GET_greeting"] });
  await until(() => listChanges > 0, { what: "list_changed" });
  const listed = await client.listTools();
  expect(listed.tools.find(({ name }) => name === "WORK_GET_greeting")?.description).toStartWith(
    description,
  );
});

test("a file that cannot be loaded is told with its place, and the version before goes on", async () => {
  await writeFile(tools, original.replace('"Hello"', '"Before"'));
  await until(async () => (await greeting()).includes("Before"));
  const from = lines.length;
  await writeFile(tools, `/** Broken. */\nexport const TOOLS = [[;\n`);
  const place = /^Cannot load "tools\/work_tools\.ts": line 2, column \d+: /;
  const broken = await toolsLine(from, ({ problems }) => place.test(problems[0] ?? ""));
  expect(broken).toMatchObject({ status: "kept", problems: [expect.any(String)] });
  expect(await greeting()).toContain("Before, Ada!");
  const again = lines.length;
  await writeFile(tools, `${original}\nthrow new Error("a bad day");\n`);
  const thrown = await toolsLine(again, ({ problems }) => problems.join().includes("a bad day"));
  expect(thrown.status).toBe("kept");
  expect(thrown.problems[0]).toContain("a bad day (tools/work_tools.ts:");
  expect(await greeting()).toContain("Before, Ada!");
  await writeFile(tools, original);
  await until(async () => (await greeting()).includes("Hello, Ada!"));
});

test("a call under way is answered by the code that it began with", async () => {
  const slow = original.replace(
    "run: async ({ name }, context) => ({",
    "run: async ({ name }, context) => (name === 'slow' && (await Bun.sleep(1500)), {",
  );
  await writeFile(tools, slow.replace('"Hello"', '"Slowly"'));
  await until(async () => (await greeting()).includes("Slowly"));
  const underWay = client.callTool({ name: "WORK_GET_greeting", arguments: { name: "slow" } });
  await writeFile(tools, original);
  await until(async () => (await greeting()).includes("Hello, Ada!"));
  expect(JSON.stringify(await underWay)).toContain("Slowly, slow!");
});

test("a changed page or service is started again, and that one alone", async () => {
  const before = { ui: await luna.pidOf("work_ui"), api: await luna.pidOf("work__service_api") };
  const from = lines.length;
  await appendFile(join(luna.paths.extensions, "work/ui/server.ts"), "// edited\n");
  const { reload } = await lineOf("ui/server.ts", from);
  expect(reload).toMatchObject({
    ...{ tools: null, processes: [{ name: "work_ui", status: "running" }] },
  });
  expect(await luna.pidOf("work_ui")).not.toBe(before.ui);
  expect(await luna.pidOf("work__service_api")).toBe(before.api);
  const pids = await luna.pidOf("work_ui");
  const tests = lines.length;
  await appendFile(join(luna.paths.extensions, "work/tests/work.test.ts"), "// edited\n");
  await appendFile(join(luna.paths.extensions, "work/services/api/server.ts"), "// edited\n");
  await lineOf("services/api/server.ts", tests);
  expect(await luna.pidOf("work__service_api")).not.toBe(before.api);
  expect(await luna.pidOf("work_ui")).toBe(pids);
});

test("a service's settings count with the edit, and a service that is new or gone comes or goes", async () => {
  const services = join(luna.paths.extensions, "work/services");
  const config = join(services, "api/service_config.json");
  const from = lines.length;
  // Without a port it is well while it lives, so that its own answer is not waited for.
  await writeFile(config, JSON.stringify({ requires_port: false }));
  await lineOf("services/api/service_config.json", from);
  await until(async () => (await luna.state()).services["work__service_api"]?.port === null);
  const fresh = lines.length;
  await mkdir(join(services, "beat"));
  await writeFile(join(services, "beat/service_config.json"), '{"requires_port": true}');
  await writeFile(
    join(services, "beat/beat.ts"),
    "Bun.serve({ port: Bun.argv[2], hostname: '127.0.0.1', fetch: () => new Response('ok') });",
  );
  await writeFile(join(services, "beat/start.sh"), '#!/bin/sh\nexec bun beat.ts "$1"\n');
  await lineOf("services/beat/start.sh", fresh);
  expect(await luna.pidOf("work__service_beat")).toBeGreaterThan(0);
  expect(await servicePorts()).toEqual({ "work.api": null, "work.beat": expect.any(Number) });
  const gone = lines.length;
  await rm(join(services, "beat"), { recursive: true });
  await lineOf("services/beat/start.sh", gone);
  await until(async () => (await luna.state()).services["work__service_beat"] === undefined);
  expect(await servicePorts()).toEqual({ "work.api": null });
});

test("without it, an edit counts with the next reload, which says what is wrong and keeps what runs", async () => {
  dev.kill();
  await dev.exited;
  await writeFile(tools, original.replace('"Hello"', '"Again"'));
  const reload = await luna.run("ext", "reload", "work");
  expect(reload).toMatchObject({ code: 0 });
  expect(reload.stdout).toContain("2 tools, callable now");
  expect(await greeting()).toContain("Again, Ada!");
  await writeFile(tools, "export const TOOLS = [[;\n");
  const broken = await luna.run("ext", "reload", "work");
  expect(broken.code).toBe(1);
  expect(broken.stdout).toContain("what was there before goes on");
  expect(broken.stdout).toMatch(/! {2,}tools\/work_tools\.ts:1:\d+: /);
  // Whatever makes Luna look through all extensions loads no half of an edit either.
  expect((await luna.run("ext", "new", "other", "--no-ui", "--no-service")).code).toBe(0);
  expect(await greeting()).toContain("Again, Ada!");
  const none = await luna.run("ext", "reload", "nothing");
  expect(none).toMatchObject({ code: 1, stderr: expect.stringContaining("no such extension") });
});
