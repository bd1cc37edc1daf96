/** Fault 5: no file descriptor left, and a kernel that refuses to fork: told, tried again, and over when it is over. */
import { afterEach, beforeEach, expect, setDefaultTimeout, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { Overview } from "../../src/contract/process.ts";
import { sendSignal } from "../../src/lib/proc.ts";
import { type Luna, startLuna } from "../support/start-luna.ts";
import { until } from "../support/until.ts";
import { injectInto } from "./strace.ts";

setDefaultTimeout(90_000);

let luna: Luna;
beforeEach(async () => {
  luna = await startLuna();
});
afterEach(async () => {
  expect(await luna.stop()).toBe(0);
  const left = luna.processes();
  await luna.remove();
  expect(left).toEqual([]);
});

/** What the supervisor said that matches. */
const logged = async (pattern: RegExp): Promise<string[]> =>
  (await readFile(luna.paths.log("supervisor"), "utf8"))
    .trim()
    .split("\n")
    .map((line) => String(JSON.parse(line).message))
    .filter((message) => pattern.test(message));

function run(...command: string[]): void {
  const { exitCode, stderr } = Bun.spawnSync(command, { stdout: "ignore", stderr: "pipe" });
  if (exitCode !== 0) throw new Error(`${command[0]} failed: ${stderr}`);
}

/** The lowest number that no open file of the process has. */
function nextDescriptor(pid: number): number {
  const open = new Set(readdirSync(`/proc/${pid}/fd`).map(Number));
  let next = 0;
  while (open.has(next)) next += 1;
  return next;
}

/** Kills the hub under the fault; everything is to be well again once that is over. */
async function survive(begin: () => Promise<() => Promise<unknown>>, words: RegExp): Promise<void> {
  const before = await luna.state();
  const hub = await luna.pidOf("hub");
  const end = await begin();
  sendSignal(hub, "SIGKILL");
  await until(async () => (await logged(words)).length >= 2, {
    timeoutMs: 30_000,
    what: "two starts that fail",
  });
  await end();
  // Until there is a descriptor for it, state.json tells what was.
  await until(async () => (await luna.pidOf("hub")) !== hub, { what: "a new hub" });
  const after = await luna.state();
  expect(after.supervisor).toEqual(before.supervisor);
  for (const name of ["auth", "agent", "mcp", "caddy"]) {
    expect(after.services[name]?.pid).toBe(before.services[name]?.pid ?? 0);
  }
  // That it failed more than once is told for a minute.
  const problems = Overview.parse(await (await luna.control("/overview")).json()).problems;
  const others = problems.filter(({ id }) => id !== "process-hub" && id !== "disk");
  expect(others).toEqual([]);
}

test("fault 5: EMFILE, the supervisor has no descriptor left", async () => {
  const { pid } = (await luna.state()).supervisor;
  const limits = readFileSync(`/proc/${pid}/limits`, "utf8");
  const [, soft = "", hard = ""] = /^Max open files\s+(\d+)\s+(\d+)/m.exec(limits) ?? [];
  const set = (first: string | number): void =>
    run("prlimit", "--pid", String(pid), `--nofile=${first}:${hard}`);
  const begin = async () => {
    set(nextDescriptor(pid));
    return async () => set(soft);
  };
  await survive(begin, /Cannot start "hub".*(?:EMFILE|too many open files)/i);
});

test("fault 5: EAGAIN on fork", async () => {
  const { pid } = (await luna.state()).supervisor;
  // Threads are clones; a process shares the memory until it has its own program.
  const begin = () => injectInto([pid], "vfork:error=EAGAIN");
  await survive(begin, /Cannot start "hub".*(?:EAGAIN|resource temporarily unavailable)/i);
});
