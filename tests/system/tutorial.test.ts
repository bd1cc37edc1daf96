/** Does what extensions/README.md says, command by command: a tutorial that does not work fails here. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { chmod, mkdir, readFile, symlink, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { z } from "zod";
import { BINARY, type Luna, startLuna } from "../support/start-luna.ts";
import { until } from "../support/until.ts";

setDefaultTimeout(120_000);

const README = resolve(import.meta.dir, "../../extensions/README.md");
const BLOCK = /^```(sh|ts|output)(?: (\S+))?\n([\s\S]*?)^```$/gm;
const COMMANDS_MIN = 7;

interface Block {
  kind: string;
  path: string | undefined;
  text: string;
}

let luna: Luna;
let environment: Record<string, string>;
let dev: Bun.Subprocess<"ignore", "pipe", "inherit"> | undefined;
let told = "";

beforeAll(async () => {
  luna = await startLuna();
  const programs = join(luna.home, "programs");
  await mkdir(programs);
  await symlink(BINARY, join(programs, "luna"));
  // It writes down what it was told; whether that works is tried with a client of the test.
  await writeFile(
    join(programs, "claude"),
    `#!/bin/sh\nprintf '%s\\n' "$@" > "$LUNA_HOME/claude"\n`,
  );
  await chmod(join(programs, "claude"), 0o755);
  environment = { ...luna.environment, PATH: `${programs}:${luna.environment["PATH"]}` };
});
afterAll(async () => {
  dev?.kill();
  await dev?.exited;
  await luna.stop();
  const left = luna.processes();
  await luna.remove();
  expect(left).toEqual([]);
});

async function blocks(): Promise<Block[]> {
  const text = await readFile(README, "utf8");
  return [...text.matchAll(BLOCK)].map(([, kind = "", path, body = ""]) => {
    return { kind, path, text: body };
  });
}

/** What goes on running, in a terminal of its own. */
function startDev(command: string): void {
  dev = Bun.spawn(command.split(" "), {
    ...{ cwd: luna.home, env: environment, stdin: "ignore", stdout: "pipe", stderr: "inherit" },
  });
  const { stdout } = dev;
  void (async () => {
    for await (const piece of stdout) told += new TextDecoder().decode(piece);
  })();
}

/** Runs a command to its end, and returns what it printed. */
async function run(command: string): Promise<string> {
  const child = Bun.spawn(["sh", "-c", command], {
    ...{ cwd: luna.home, env: environment, stdin: "ignore", stdout: "pipe", stderr: "pipe" },
  });
  const [stdout, stderr, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  expect([command, code, code === 0 ? "" : stdout + stderr]).toEqual([command, 0, ""]);
  return stdout;
}

test("every command of the tutorial works, and prints what it says", async () => {
  const ran: string[] = [];
  let printed = "";
  for (const { kind, path, text } of await blocks()) {
    if (kind === "output") expect(printed).toBe(text);
    else if (kind === "ts") {
      const file = join(luna.home, path ?? "");
      const before = told.length;
      await mkdir(dirname(file), { recursive: true });
      await writeFile(file, text);
      if (file.includes("/tools/")) {
        await until(() => told.slice(before).includes("1 tool, callable now"), { what: "ext dev" });
      }
    } else {
      for (const command of text.trim().split("\n")) {
        ran.push(command);
        if (command === "luna up") continue; // It is what the test began with.
        if (command.startsWith("luna ext dev")) {
          startDev(command);
          await until(() => told.includes("Watching "), { what: "ext dev to watch" });
        } else printed = await run(command);
      }
    }
  }
  expect(ran.length).toBeGreaterThanOrEqual(COMMANDS_MIN);
  expect(ran[0]).toBe("luna up");
});

test("what Claude was told to start serves the tool", async () => {
  const response = await luna.control("/mcp-servers/create", {
    ...{ method: "POST", headers: { "Content-Type": "application/json" } },
    body: JSON.stringify({ name: "home" }),
  });
  expect(response.status).toBe(200);
  const words = (await readFile(join(luna.home, "claude"), "utf8")).trim().split("\n");
  const [command = "", ...args] = words.slice(words.indexOf("--") + 1);
  const client = new Client({ name: "claude", version: "1" });
  await client.connect(new StdioClientTransport({ command, args, env: environment }));
  const { tools } = await client.listTools();
  expect(tools.map(({ name }) => name)).toContain("DICE_GET_roll");
  const called = await client.callTool({ name: "DICE_GET_roll", arguments: { sides: 1 } });
  const { content } = z
    .object({ content: z.tuple([z.object({ text: z.string() })]) })
    .parse(called);
  expect(JSON.parse(content[0].text)).toEqual({ rolled: [1], sum: 1 });
  await client.close();
});
