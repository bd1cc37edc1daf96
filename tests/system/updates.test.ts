/** The update queue and its runs on the compiled Luna: what runs follows what is installed, and nothing else stops. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { QueueStatus } from "../../src/contract/queue.ts";
import { fixtureExtension } from "../support/fixture.ts";
import { apply, endOf, eventsOf, postJson } from "../support/runs.ts";
import { type Luna, startLuna } from "../support/start-luna.ts";
import { until } from "../support/until.ts";

const TIMEOUT_MS = 60_000;

let luna: Luna;
beforeAll(async () => {
  luna = await startLuna({ files: await fixtureExtension("clock") });
  for (const name of ["clock_ui", "clock__service_web"]) await luna.pidOf(name);
}, TIMEOUT_MS);
afterAll(async () => {
  await luna.stop();
  const left = luna.processes();
  await luna.remove();
  expect(left).toEqual([]);
}, TIMEOUT_MS);

const names = async () =>
  Object.keys((await luna.state()).services).filter((one) => one.startsWith("clock"));
const corePids = async () => {
  const { supervisor, services } = await luna.state();
  const core = Object.entries(services).filter(
    ([, { kind }]) => kind === "core" || kind === "caddy",
  );
  return [supervisor.pid, ...core.map(([, { pid }]) => pid)];
};
const json = async (path: string) => (await luna.control(path)).json();

test(
  "disabling ends what runs of it at once, and enabling starts it; nothing else is touched",
  async () => {
    const pids = await corePids();
    const off = await apply(luna, [{ type: "disable", target: "clock" }]);
    expect(off.units).toMatchObject([{ state: "done", operation: { type: "disable" } }]);
    expect(await names()).toEqual([]);
    const on = await apply(luna, [{ type: "enable", target: "clock" }]);
    expect(on.state).toBe("done");
    await luna.pidOf("clock__service_web");
    expect(await corePids()).toEqual(pids);
  },
  TIMEOUT_MS,
);

test(
  "settings restart what has them alone, and are told by name",
  async () => {
    const pids = await corePids();
    const before = await luna.pidOf("clock__service_web");
    const view = await apply(luna, [
      { type: "settings", target: "clock", config: { token: "planted-77ab" } },
    ]);
    expect(view.units).toMatchObject([{ state: "done", operation: { settings: ["token"] } }]);
    expect(await luna.pidOf("clock__service_web")).not.toBe(before);
    expect(await corePids()).toEqual(pids);
    expect(JSON.stringify(await eventsOf(luna, view.id))).not.toContain("planted-77ab");
    const config = JSON.parse(await readFile(luna.paths.masterConfig, "utf8"));
    expect(config.extensions.clock.config).toEqual({ token: "planted-77ab" });
  },
  TIMEOUT_MS,
);

test(
  "a draft is saved, shown with its effect, and removed",
  async () => {
    expect(await json("/queue/current")).toEqual({ exists: false });
    const operations = [{ type: "delete", target: "clock" }];
    const saved = await postJson(luna, "/queue/save", { created_at: "2026-01-01", operations });
    expect(await saved.json()).toEqual({ saved: true });
    expect(await json("/queue/current")).toEqual({ created_at: "2026-01-01", operations });
    expect(QueueStatus.parse(await json("/queue/status"))).toMatchObject({
      ...{ exists: true, operation_count: 1, attempts: 0, failed: null, run_id: null },
    });
    const preview = await (await postJson(luna, "/queue/preview", {})).json();
    expect(preview.units).toMatchObject([{ effect: "restarts", problems: [] }]);
    expect(preview.units[0].restarts).toContain("clock_ui");
    expect(preview.checks.map(({ name }: { name: string }) => name)).toEqual(["disk", "ports"]);
    for (const target of ["..", "/etc", "agent", "a/b", "__proto__"]) {
      const refused = await postJson(luna, "/queue/save", {
        operations: [{ ...operations[0], target }],
      });
      expect([target, refused.status]).toEqual([target, 422]);
    }
    const removed = await luna.control("/queue/current", { method: "DELETE" });
    expect(await removed.json()).toEqual({ deleted: true });
    expect(await json("/queue/current")).toEqual({ exists: false });
  },
  TIMEOUT_MS,
);

test(
  "POST /restart applies the saved queue and starts everything again; the log of changes tells it",
  async () => {
    const pids = await corePids();
    await postJson(luna, "/queue/save", {
      operations: [
        { type: "disable", target: "clock" },
        { type: "update", target: "absent" },
      ],
    });
    const answer = await (await postJson(luna, "/restart")).json();
    expect(answer).toEqual({
      ...{ status: "restarting", message: "System restart and update initiated" },
      run_id: expect.any(String),
    });
    await until(async () => (await corePids())[0] !== pids[0], { what: "another supervisor" });
    const view = await endOf(luna, answer.run_id);
    expect(view.units).toMatchObject([
      { operation: { type: "update" }, state: "failed" },
      { operation: { type: "disable" }, state: "done" },
    ]);
    await until(async () => (await luna.control("/overview")).ok);
    for (const pid of await corePids()) expect(pids).not.toContain(pid);
    expect(QueueStatus.parse(await json("/queue/status"))).toMatchObject({
      ...{ attempts: 1, operations: [{ target: "absent" }] },
    });
    const { stdout } = await luna.run("audit", "--action", "queue.run");
    expect(stdout).toContain("queue.run");
  },
  TIMEOUT_MS,
);

test(
  "a queue that is only saved is not applied by a supervisor that crashed, but with the next luna up",
  async () => {
    await luna.control("/queue/current", { method: "DELETE" });
    await postJson(luna, "/queue/save", { operations: [{ type: "enable", target: "clock" }] });
    const [supervisor = 0] = await corePids();
    process.kill(supervisor ?? 0, "SIGKILL");
    await until(async () => (await corePids())[0] !== supervisor);
    await until(async () => (await json("/overview")).phase === "running");
    expect(await json("/queue/status")).toMatchObject({ exists: true, run_id: null });
    expect(await luna.stop()).toBe(0);
    luna = await startLuna({ home: luna.home, offset: luna.ports.supervisor - 9999 });
    await until(async () => {
      const { exists, run_id } = await json("/queue/status");
      return !exists && run_id === null;
    });
    await luna.pidOf("clock__service_web");
  },
  TIMEOUT_MS,
);

test(
  "deleting ends it, gives its ports back and keeps its data",
  async () => {
    await Bun.write(join(luna.paths.extensions, "clock/data/mine.txt"), "mine");
    const view = await apply(luna, [{ type: "delete", target: "clock" }]);
    expect(view.state).toBe("done");
    expect(await names()).toEqual([]);
    expect(existsSync(join(luna.paths.extensions, "clock"))).toBe(false);
    expect(await Bun.file(join(luna.paths.keptData, "clock/mine.txt")).text()).toBe("mine");
    const config = JSON.parse(await readFile(luna.paths.masterConfig, "utf8"));
    expect(config.extensions.clock).toBeUndefined();
    expect(config.port_assignments).toEqual({ extensions: {}, services: {} });
  },
  TIMEOUT_MS,
);

test(
  "POST /shutdown ends Luna for good",
  async () => {
    const answer = await (await postJson(luna, "/shutdown")).json();
    expect(answer).toEqual({
      ...{ status: "shutting_down", message: "Luna system shutdown initiated" },
    });
    expect(await luna.exited).toBe(0);
    expect(luna.processes()).toEqual([]);
  },
  TIMEOUT_MS,
);
