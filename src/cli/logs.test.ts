/** `luna logs` as a program: what it prints, and when it ends. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { appendFileSync } from "node:fs";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { until } from "../../tests/support/until.ts";
import { LogLine } from "../contract/logs.ts";
import { lineFormatter } from "./log-format.ts";

const PROGRAM = join(import.meta.dir, "../../luna.ts");

let home: string;
const children: Bun.Subprocess[] = [];
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), "luna-cli-logs-"));
  await mkdir(join(home, "logs"));
});
afterEach(async () => {
  for (const child of children.splice(0)) {
    child.kill("SIGKILL");
    await child.exited;
  }
  await rm(home, { recursive: true, force: true });
});

function write(
  name: string,
  second: number,
  message: string,
  { level = "info", folder = "logs" } = {},
): void {
  const time = new Date(Date.parse("2031-01-01T00:00:00Z") + second * 1000).toISOString();
  const line = JSON.stringify({ time, level, service: name, message, n: second });
  appendFileSync(join(home, folder, `${name}.log`), `${line}\n`);
}

function spawn(...args: string[]) {
  const child = Bun.spawn([process.execPath, PROGRAM, "logs", ...args], {
    env: { PATH: "/usr/bin:/bin", LUNA_HOME: home, TZ: "UTC" },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  children.push(child);
  return child;
}

async function run(...args: string[]) {
  const child = spawn(...args);
  const [stdout, stderr, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  return { stdout, stderr, code };
}

test("the logs of external services are among the others, each by a name of its own", async () => {
  const folder = ".luna/logs";
  await mkdir(join(home, folder), { recursive: true });
  write("auth", 1, "core");
  write("auth", 2, "other", { folder });
  write("postgres", 3, "external", { folder });
  const sources = async (...args: string[]) => {
    const { stdout } = await run("--json", ...args);
    return stdout
      .trim()
      .split("\n")
      .map((line) => LogLine.parse(JSON.parse(line)).source);
  };
  expect(await sources()).toEqual(["auth", "auth-2", "postgres"]);
  expect(await sources("postgres")).toEqual(["postgres"]);
  expect((await run("nobody")).stderr).toContain("there are auth, auth-2, postgres");
});

test("lines of all logs by time, for people and for programs", async () => {
  write("mcp", 2, "two", { level: "warn" });
  write("auth", 1, "one");
  write("auth", 3, "three", { level: "error" });
  const { stdout, stderr, code } = await run();
  expect([code, stderr]).toEqual([0, ""]);
  expect(stdout).toBe(
    [
      "2031-01-01 00:00:01.000  auth  info   one  n=1",
      "2031-01-01 00:00:02.000  mcp   warn   two  n=2",
      "2031-01-01 00:00:03.000  auth  error  three  n=3",
      "",
    ].join("\n"),
  );
  const json = await run("--json", "-n", "1", "--level", "warn", "mcp");
  expect(LogLine.parse(JSON.parse(json.stdout))).toEqual({
    ...{ time: "2031-01-01T00:00:02.000Z", level: "warn", source: "mcp", message: "two" },
    fields: { n: 2 },
  });
  expect(
    (await run("--grep", "^.*t[wh]", "--since", "2031-01-01T00:00:03Z", "--json")).stdout,
  ).toContain('"three"');
});

test("what cannot be shown is said", async () => {
  expect(await run()).toMatchObject({ code: 1, stdout: "" });
  write("auth", 1, "one");
  for (const [args, text, expected = 1] of [
    [["atuh"], 'Cannot show the log "atuh": there are auth'],
    [["--level", "loud"], "Usage: luna logs", 2],
    [["--what"], "Usage: luna logs", 2],
    [["--since", "soon"], 'Cannot read the time "soon"', 2],
    [["--grep", "("], 'Cannot search for "("'],
  ] as const) {
    const { stderr, code } = await run(...args);
    expect([code, stderr]).toEqual([expected, expect.stringContaining(text)]);
  }
});

test("following goes on until nobody reads, also when nothing more is written", async () => {
  write("auth", 1, "one");
  const child = spawn("-f", "--json", "-n", "1");
  const reader = child.stdout.getReader();
  let seen = "";
  const untilSeen = async (text: string): Promise<void> => {
    while (!seen.includes(text)) seen += new TextDecoder().decode((await reader.read()).value);
  };
  await untilSeen('"one"');
  write("auth", 2, "two");
  write("later", 3, "three");
  await untilSeen('"two"');
  await untilSeen('"three"');
  await reader.cancel();
  await until(() => child.exitCode !== null, { what: "luna logs -f to end" });
  expect(child.exitCode).toBe(0);
});

test("colours are for terminals; nothing in a line moves the cursor", () => {
  const line: LogLine = {
    ...{ time: "2031-01-01T00:00:00.000Z", level: "error", source: "a" },
    message: "\u001b[2Jred\nnext",
  };
  const plain = lineFormatter({ names: ["a"], color: false })(line);
  expect(plain).toMatch(/ {2}a {2}error {2}red\n {4}next\n$/);
  expect(lineFormatter({ names: ["a"], color: true })(line)).toContain("\u001b[31mred");
});
