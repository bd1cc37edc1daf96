/** Tool hosts as real processes, called through the client, with everything that tools can do wrong. */
import { afterAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Subprocess } from "bun";
import { Hono } from "hono";
import { MasterConfigStore } from "../../src/config/master-config.ts";
import { pathsOf } from "../../src/config/paths.ts";
import { ToolsFile } from "../../src/contract/tool.ts";
import { secretsFor } from "../../src/extensions/secrets.ts";
import { ToolCatalogue } from "../../src/tools/catalogue.ts";
import { ToolClient } from "../../src/tools/client.ts";
import { isResponsive } from "../../src/tools/host-exchange.ts";
import { currentHostSocket } from "../../src/tools/host-socket.ts";
import { MemoryTrail } from "../support/memory-trail.ts";
import { until } from "../support/until.ts";

/** Every bound under test is far below; this is for machines with much else to do. */
setDefaultTimeout(90_000);
/** Many hosts start at once. */
const WAIT_MS = 40_000;

const EXTENSION = "faulty";
const TOKEN = "tool-host-token-of-the-test";
const entry = (describe: boolean): string => `
  import { main } from ${JSON.stringify(join(import.meta.dir, "../../src/services/tool-host/main.ts"))};
  import { readEnvironment } from ${JSON.stringify(join(import.meta.dir, "../../src/config/environment.ts"))};
  await main(readEnvironment(), ${JSON.stringify(EXTENSION)}, { describe: ${describe} });
`;

const TOOLS_SOURCE = `
import { appendFileSync } from "node:fs";
import { join } from "node:path";
import { defineTool, z } from "luna";

const input = z.object({});
const ever = () => new Promise(() => {});
const aborted = (signal: AbortSignal) => new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
const mark = (context: { data_dir: string }, text: string) => appendFileSync(join(context.data_dir, "marks"), text + "\\n");
let running = 0;
let most = 0;
let entered: (() => void)[] = [];

const tool = (name: string, run: (args: any, context: any) => unknown, timeout_ms?: number) =>
  defineTool({ name, description: name, input, run, ...(timeout_ms ? { timeout_ms } : {}) });

export const SYSTEM_PROMPT = () => "Be careful.";
export const TOOLS = [
  defineTool({
    name: "echo", description: "Echoes", input: z.object({ text: z.string(), times: z.int().max(3).default(1) }),
    run: ({ text, times }) => text.repeat(times),
  }),
  tool("pid", () => process.pid),
  tool("pair", () => [false, "the tool's own words"]),
  tool("env", () => process.env),
  tool("folder", (_, context) => context.data_dir),
  tool("throws", () => { throw new Error("the disk is on fire"); }),
  tool("exits", (_, context) => { mark(context, "exits"); process.exit(0); }),
  tool("loops", (_, context) => { mark(context, "loops"); for (;;); }, 300),
  tool("waits", async (_, context) => { mark(context, "waits"); await ever(); }, 60_000),
  tool("ignores", ever, 100),
  tool("heeds", async (_, context) => { await aborted(context.signal); mark(context, "heard"); }, 100),
  tool("heeds_caller", async (_, context) => { mark(context, "in"); await aborted(context.signal); mark(context, "heard"); }),
  tool("huge", () => "x".repeat(100 * 1024 * 1024)),
  tool("huge_list", () => Array.from({ length: 400_000 }, (_, n) => n)),
  tool("circular", () => { const a: any = {}; a.a = a; return a; }),
  tool("rejects", async () => { Promise.reject(new Error("nobody caught this")); await ever(); }),
  tool("throws_later", () => { setImmediate(() => { throw new Error("too late"); }); return "already answered"; }),
  tool("prints", () => { console.log("printed %d", 42); process.stdout.write("raw\\n"); return "ok"; }),
  tool("ends_with_host", (_, context) => {
    const told = new Promise((resolve) => process.once("SIGTERM", () => resolve("finished")));
    mark(context, "in");
    return told;
  }),
  tool("meets", async () => {
    running += 1; most = Math.max(most, running);
    if (running === 2) { for (const enter of entered) enter(); entered = []; }
    else await new Promise<void>((resolve) => entered.push(resolve));
    running -= 1;
    return most;
  }),
];
`;

interface Host {
  process: Subprocess<"ignore", "pipe", "pipe">;
  stderr: Promise<string>;
  stdout: Promise<string>;
}

/** A home with one extension, a supervisor that really starts its tool host, and a client. */
class Bench {
  readonly home = mkdtempSync(join(tmpdir(), "luna-host-"));
  readonly paths = pathsOf(this.home);
  readonly hosts: Host[] = [];
  readonly stops: { pid: number; reason: string }[] = [];
  readonly log: string[] = [];
  readonly server: Bun.Server<undefined>;
  readonly client: ToolClient;

  constructor(settings: Record<string, number> = {}) {
    const { paths } = this;
    const folder = join(paths.extensions, EXTENSION);
    mkdirSync(join(folder, "tools"), { recursive: true });
    mkdirSync(paths.luna);
    writeFileSync(join(folder, "config.json"), '{"required_secrets":["MY_SECRET"]}');
    writeFileSync(join(folder, "tools/faulty_tools.ts"), TOOLS_SOURCE);
    writeFileSync(paths.masterConfig, JSON.stringify({ tool_host: settings }));
    this.server = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: this.#supervisor().fetch });
    const config = new MasterConfigStore(paths.masterConfig);
    const note = (message: string): void => void this.log.push(message);
    this.client = new ToolClient({
      paths,
      config,
      catalogue: new ToolCatalogue({ paths, config }),
      supervisorUrl: `http://127.0.0.1:${this.server.port}`,
      token: TOKEN,
      audit: new MemoryTrail(),
      log: { debug: note, info: note, warn: note, error: note },
    });
  }

  #supervisor(): Hono {
    return new Hono()
      .use(async (context, next) => {
        expect(context.req.header("Authorization")).toBe(`Bearer ${TOKEN}`);
        await next();
      })
      .post("/tool-hosts/faulty/start", async (context) =>
        context.json({ pid: await this.start() }),
      )
      .post("/tool-hosts/faulty/stop", async (context) => {
        const run: { pid: number; reason: string } = await context.req.json();
        this.stops.push(run);
        const host = this.hosts.find(({ process: { pid } }) => pid === run.pid);
        host?.process.kill("SIGKILL");
        await host?.process.exited;
        return context.json({ stopped: host !== undefined });
      });
  }

  spawn(describe = false): Host {
    const values = { MY_SECRET: "open sesame", OTHER_SECRET: "not yours" };
    const own = secretsFor({ required_secrets: [{ name: "MY_SECRET" }] }, values);
    const child = Bun.spawn([process.execPath, "-e", entry(describe)], {
      cwd: this.home,
      env: { LUNA_HOME: this.home, LUNA_EXTENSION: EXTENSION, ...own },
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
    });
    const host = {
      process: child,
      stderr: new Response(child.stderr).text(),
      stdout: new Response(child.stdout).text(),
    };
    this.hosts.push(host);
    return host;
  }

  async start(): Promise<number> {
    const running = currentHostSocket(this.link);
    if (running !== undefined && (await isResponsive(running))) return running.pid;
    const { process: child } = this.spawn();
    await until(() => currentHostSocket(this.link)?.pid === child.pid, {
      what: "the host's socket",
      timeoutMs: WAIT_MS,
    });
    return child.pid;
  }

  get link(): string {
    return this.paths.toolHostSocket(EXTENSION);
  }

  async describe(): Promise<ToolsFile> {
    const { process: child, stderr } = this.spawn(true);
    expect(await child.exited, await stderr).toBe(0);
    return ToolsFile.parse(await Bun.file(this.paths.toolsFile(EXTENSION)).json());
  }

  call(tool: string, args: Record<string, unknown> = {}, signal?: AbortSignal) {
    return this.client.call({
      ...{ tool, arguments: args, caller: { actor: { kind: "local", name: "test" } as const } },
      ...(signal === undefined ? {} : { signal }),
    });
  }

  async pid(): Promise<number> {
    const { payload } = await this.call("pid");
    if (typeof payload !== "number") throw new Error(`no pid: ${payload}`);
    return payload;
  }

  marks(): string[] {
    const path = join(this.paths.extensions, EXTENSION, "data/marks");
    return existsSync(path) ? readFileSync(path, "utf8").trim().split("\n") : [];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { process: child } of this.hosts) child.kill("SIGKILL");
    await Promise.all(this.hosts.map(({ process: child }) => child.exited));
    await this.server.stop(true);
    rmSync(this.home, { recursive: true });
  }
}

const described = new Bench();
const toolsFile = described.describe();
afterAll(() => described[Symbol.asyncDispose]());

/** A bench whose tools are described already; describing them anew each time would only take time. */
async function bench(settings: Record<string, number> = {}): Promise<Bench> {
  const one = new Bench(settings);
  mkdirSync(one.paths.tools);
  writeFileSync(one.paths.toolsFile(EXTENSION), JSON.stringify(await toolsFile));
  return one;
}

/** The failure that a caller reads. */
const failed = (text: string) => ({ success: false, payload: expect.stringContaining(text) });

describe.concurrent("a tool host", () => {
  test("starts on the first call and answers", async () => {
    await using one = await bench();
    expect(one.hosts).toHaveLength(0);
    expect(await one.call("echo", { text: "hi ", times: 2 })).toEqual({
      success: true,
      payload: "hi hi ",
    });
    expect(await one.call("pair")).toEqual({ success: false, payload: "the tool's own words" });
    expect(one.hosts).toHaveLength(1);
    expect(statSync(one.paths.run).mode & 0o777).toBe(0o700);
    expect(statSync(one.link).mode & 0o777).toBe(0o600);
    const { payload } = await one.call("folder");
    expect(payload).toBe(join(one.paths.extensions, EXTENSION, "data"));
    expect(statSync(String(payload)).mode & 0o777).toBe(0o700);
    await expect(one.call("unknown")).rejects.toThrow('Cannot run "unknown"');
  });

  test("has its own secrets in its environment and nobody else's", async () => {
    await using one = await bench();
    const { payload } = await one.call("env");
    expect(payload).toMatchObject({ MY_SECRET: "open sesame" });
    expect(Object.keys(payload ?? {}).sort()).toEqual(["LUNA_EXTENSION", "LUNA_HOME", "MY_SECRET"]);
  });

  test("tells which arguments are wrong, and does not run the tool", async () => {
    await using one = await bench();
    const result = await one.call("echo", { times: 7 });
    expect(result).toEqual(failed("text"));
    expect(result).toEqual(failed("times"));
  });

  test("reports a thrown error and results that cannot be handed on, and lives on", async () => {
    await using one = await bench();
    const pid = await one.pid();
    expect(await one.call("throws")).toEqual(failed("the disk is on fire"));
    expect(await one.call("circular")).toEqual(failed("no JSON value"));
    expect(await one.call("huge")).toEqual(failed("result_bytes_max"));
    expect(await one.call("huge_list")).toEqual(failed("result_bytes_max"));
    expect(await one.pid()).toBe(pid);
  });

  test("keeps time limits itself, aborts the tool's signal, and lives on", async () => {
    await using one = await bench();
    const pid = await one.pid();
    expect(await one.call("ignores")).toEqual(failed("within its limit of 100 ms"));
    expect(await one.call("heeds")).toEqual(failed("within its limit of 100 ms"));
    await until(() => one.marks().includes("heard"), {
      what: "the tool to hear of its time",
      timeoutMs: WAIT_MS,
    });
    expect(await one.pid()).toBe(pid);
    expect(one.stops).toEqual([]);
  });

  test("aborts the tool when its caller goes away", async () => {
    await using one = await bench();
    const caller = new AbortController();
    const call = one.call("heeds_caller", {}, caller.signal);
    await until(() => one.marks().includes("in"), { what: "the tool to run", timeoutMs: WAIT_MS });
    caller.abort(new Error("the user left"));
    await expect(call).rejects.toThrow("the user left");
    await until(() => one.marks().includes("heard"), {
      what: "the tool to hear of it",
      timeoutMs: WAIT_MS,
    });
  });

  test("runs no more calls at once than allowed, and the others after them", async () => {
    await using one = await bench({ concurrency: 2 });
    const results = await Promise.all(Array.from({ length: 8 }, () => one.call("meets")));
    expect(results).toEqual(Array.from({ length: 8 }, () => ({ success: true, payload: 2 })));
  });

  test("is replaced when too many calls went on after their time", async () => {
    await using one = await bench({ concurrency: 128 });
    const pid = await one.pid();
    const results = await Promise.all(Array.from({ length: 64 }, () => one.call("ignores")));
    expect(results.every(({ success }) => !success)).toBe(true);
    expect(await one.hosts[0]?.process.exited).toBe(0);
    expect(await one.pid()).not.toBe(pid);
  });

  test("logs what tools print as lines of JSON, and says nothing secret", async () => {
    await using one = await bench();
    expect(await one.call("prints")).toEqual({ success: true, payload: "ok" });
    one.hosts[0]?.process.kill("SIGTERM");
    const lines = (await one.hosts[0]?.stderr)?.trim().split("\n") ?? [];
    const messages = lines.map((line) => JSON.parse(line).message);
    expect(messages).toContain("printed 42");
    expect(await one.hosts[0]?.stdout).toBe("raw\n");
  });
});

describe.concurrent("a tool that breaks its host", () => {
  test("process.exit() costs that call, which is not repeated; the next one has a new host", async () => {
    await using one = await bench();
    const pid = await one.pid();
    expect(await one.call("exits")).toEqual(failed("ended during the call"));
    expect(one.marks()).toEqual(["exits"]);
    expect(await one.pid()).not.toBe(pid);
    expect(one.marks()).toEqual(["exits"]);
  });

  test("an endless loop is stopped by its pid after its limit", async () => {
    await using one = await bench();
    const pid = await one.pid();
    const looping = one.call("loops");
    await until(() => one.marks().includes("loops"), { what: "the loop", timeoutMs: WAIT_MS });
    const other = one.call("echo", { text: "me too" });
    expect(await looping).toEqual(
      failed("within its limit of 300 ms and blocked its tool host, which was stopped"),
    );
    expect(await other).toEqual(failed("ended during the call"));
    expect(one.stops).toEqual([{ pid, reason: expect.stringContaining("loops") }]);
    expect(await one.pid()).not.toBe(pid);
  });

  test("an uncaught rejection fails every call under way with its text", async () => {
    await using one = await bench();
    const waiting = one.call("waits");
    await until(() => one.marks().includes("waits"), {
      what: "the call under way",
      timeoutMs: WAIT_MS,
    });
    const pid = currentHostSocket(one.link)?.pid;
    expect(await one.call("rejects")).toEqual(failed("nobody caught this"));
    expect(await waiting).toEqual(failed("nobody caught this"));
    expect(await one.hosts[0]?.process.exited).toBe(1);
    expect(await one.pid()).not.toBe(pid);
  });

  test("an exception with nothing under way ends the host with code 1", async () => {
    await using one = await bench();
    expect(await one.call("throws_later")).toMatchObject({ success: true });
    expect(await one.hosts[0]?.process.exited).toBe(1);
    expect(await one.hosts[0]?.stderr).toContain("too late");
    expect(await one.call("echo", { text: "back" })).toEqual({ success: true, payload: "back" });
  });

  test("a host that was killed leaves a socket that the next one replaces", async () => {
    await using one = await bench();
    const pid = await one.pid();
    const waiting = one.call("waits");
    await until(() => one.marks().includes("waits"), {
      what: "the call under way",
      timeoutMs: WAIT_MS,
    });
    one.hosts[0]?.process.kill("SIGKILL");
    expect(await waiting).toEqual(failed("ended during the call"));
    expect(lstatSync(one.link).isSymbolicLink()).toBe(true);
    const next = await one.pid();
    expect(next).not.toBe(pid);
    expect(readdirSync(one.paths.run).sort()).toEqual([`faulty.${next}.sock`, "faulty.sock"]);
    expect(one.marks()).toEqual(["waits"]);
  });
});

describe.concurrent("the end of a tool host", () => {
  test("comes when it is idle, and the next call starts another", async () => {
    await using one = await bench({ idle_ms: 1_000 });
    const pid = await one.pid();
    expect(await one.hosts[0]?.process.exited).toBe(0);
    expect(readdirSync(one.paths.run)).toEqual([]);
    expect(await one.pid()).not.toBe(pid);
  });

  test("comes with SIGTERM after the answers under way, and leaves no socket", async () => {
    await using one = await bench();
    const call = one.call("ends_with_host");
    await until(() => one.marks().includes("in"), {
      what: "the call under way",
      timeoutMs: WAIT_MS,
    });
    one.hosts[0]?.process.kill("SIGTERM");
    expect(await call).toEqual({ success: true, payload: "finished" });
    expect(await one.hosts[0]?.process.exited).toBe(0);
    expect(readdirSync(one.paths.run)).toEqual([]);
  });
});

describe.concurrent("the description run", () => {
  test("says what each tool is, as JSON Schema", async () => {
    const { tools, system_prompt, problems, content_hash } = await toolsFile;
    expect(problems).toEqual([]);
    expect(system_prompt).toBe("Be careful.");
    expect(content_hash).toMatch(/^[0-9a-f]{64}$/);
    expect(tools.find(({ name }) => name === "loops")?.timeout_ms).toBe(300);
    expect(tools.find(({ name }) => name === "echo")?.input_schema).toEqual({
      type: "object",
      properties: {
        text: { type: "string" },
        times: { type: "integer", maximum: 3, minimum: Number.MIN_SAFE_INTEGER, default: 1 },
      },
      required: ["text"],
    });
  });

  test("names a file that fails and an error nobody caught, and describes the others", async () => {
    await using one = await bench();
    const folder = join(one.paths.extensions, EXTENSION, "tools");
    writeFileSync(join(folder, "a_tools.ts"), "export const TOOLS = [;");
    writeFileSync(
      join(folder, "b_tools.js"),
      'Promise.reject(new Error("stray")); export const TOOLS = [];',
    );
    const { tools, problems } = await one.describe();
    expect(tools.map(({ name }) => name)).toContain("echo");
    expect(problems).toEqual([
      expect.stringContaining('"tools/a_tools.ts"'),
      expect.stringContaining("stray"),
    ]);
  });

  test("fails when a file ends the process", async () => {
    await using one = await bench();
    rmSync(one.paths.toolsFile(EXTENSION));
    writeFileSync(join(one.paths.extensions, EXTENSION, "tools/a_tools.ts"), "process.exit(0);");
    expect(await one.spawn(true).process.exited).toBe(1);
    expect(existsSync(one.paths.toolsFile(EXTENSION))).toBe(false);
  });
});
