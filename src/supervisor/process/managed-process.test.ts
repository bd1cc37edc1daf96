/** Tests of the acting half of supervision, with real processes of the shell. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { until } from "../../../tests/support/until.ts";
import { SupervisionSettings } from "../../contract/config.ts";
import { createLogger } from "../../lib/log.ts";
import { statOf } from "../../lib/proc.ts";
import { ManagedProcess, type ProcessSpec } from "./managed-process.ts";

let folder: string;
let running: ManagedProcess[];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "luna-process-"));
  running = [];
});
afterEach(async () => {
  await Promise.all(running.map((one) => one.stop()));
  await rm(folder, { recursive: true, force: true });
});

const lines: string[] = [];
const surroundings = {
  log: createLogger("test", [], (line) => lines.push(line)),
  onChange: () => undefined,
  settings: () => SupervisionSettings.parse({}),
};

function manage(script: string, more: Partial<ProcessSpec> = {}): ManagedProcess {
  const managed = new ManagedProcess(
    {
      name: "subject",
      label: "Subject",
      kind: "service",
      command: ["sh", "-c", script],
      cwd: folder,
      environment: async () => ({ PATH: "/usr/bin:/bin" }),
      log: join(folder, "subject.log"),
      mark: `test-${crypto.randomUUID()}`,
      port: null,
      path: null,
      probe: { alive: true },
      stop_grace_ms: 1_500,
      restart: "always",
      ...more,
    },
    surroundings,
  );
  running.push(managed);
  return managed;
}

const read = (name: string): string => readFileSync(join(folder, name), "utf8").trim();
const isAlive = (pid: number): boolean => statOf(pid)?.alive === true;
const pidIn = (name: string): Promise<number> =>
  until(() => (existsSync(join(folder, name)) ? Number(read(name)) : undefined), { what: name });

test("a member of the group gets its grace after the leader has ended", async () => {
  // The shell dies of the signal at once; what it waits for needs a moment to end in order.
  const member = `trap 'sleep 0.2; echo done > clean; exit 0' TERM; echo $$ > member; while :; do sleep 0.02; done`;
  const managed = manage(`sh -c '${member.replaceAll("'", "'\\''")}'; true`);
  managed.start();
  const pid = await pidIn("member");
  await managed.stop();
  expect(read("clean")).toBe("done");
  expect(isAlive(pid)).toBe(false);
});

test("an unmarked member goes with a leader that dies", async () => {
  const managed = manage("env -i sleep 600 & echo $! > member; wait");
  managed.start();
  const pid = await pidIn("member");
  await until(() => managed.state === "running");
  process.kill(managed.pid ?? 0, "SIGKILL");
  await until(() => managed.view().restarts === 1);
  expect(isAlive(pid)).toBe(false);
});

test("what ignores SIGTERM, in its own session, is ended at the end of the grace", async () => {
  const managed = manage(
    "trap '' TERM; setsid sh -c 'trap \"\" TERM; echo $$ > escaped; sleep 600' & echo $$ > leader; sleep 600; wait",
    { stop_grace_ms: 300 },
  );
  managed.start();
  const pids = [await pidIn("escaped"), await pidIn("leader")];
  await managed.stop();
  expect(pids.map(isAlive)).toEqual([false, false]);
  expect(managed.state).toBe("stopped");
});

test("a stop while it starts leaves nothing, and a start after it runs", async () => {
  const managed = manage("echo $$ > leader; sleep 600");
  managed.start();
  await managed.stop();
  expect(managed.state).toBe("stopped");
  expect(managed.pid).toBeNull();
  managed.start();
  await until(() => managed.state === "running");
});

test("a program that is not there is a failure like any other, with its reason", async () => {
  const managed = manage("", { command: [join(folder, "no-such-program")] });
  managed.start();
  await until(() => managed.state === "backoff" && managed.view().restarts > 0);
  expect(managed.lastExit).toContain("no-such-program");
});

test("one that never answers is ended after its time, and why is what is told", async () => {
  const supervision = { start_timeout_ms: 200, probe_timeout_ms: 50 };
  const managed = manage("echo $$ > leader; sleep 600", { probe: { port: 1 }, supervision });
  managed.start();
  const pid = await pidIn("leader");
  await until(() => managed.view().restarts > 0);
  expect(managed.lastExit).toBe("did not answer within 0.2 s of its start");
  expect(isAlive(pid)).toBe(false);
  const told = lines.filter((line) => line.includes("did not answer within"));
  expect(told.every((line) => line.includes('"event":"unresponsive"'))).toBe(true);
});

test("a taken port is named, and taken over once it is free", async () => {
  const holder = createServer().listen(0, "127.0.0.1");
  const address = await until(() => holder.address());
  const port = typeof address === "object" ? address.port : 0;
  const managed = manage("sleep 600", { port });
  managed.start();
  await until(() => managed.lastExit !== null);
  expect(managed.lastExit).toContain(`port ${port} is taken by`);
  expect(managed.lastExit).toContain(`(pid ${process.pid})`);
  holder.close();
  await until(() => managed.state === "running");
});
