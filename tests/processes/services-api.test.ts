/** Tests starting and stopping by hand over HTTP, with real processes, and what a further supervisor makes of it. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Hono } from "hono";
import type { Caller } from "../../src/contract/audit.ts";
import { SupervisionSettings } from "../../src/contract/config.ts";
import { StateFile } from "../../src/contract/process.ts";
import { onError } from "../../src/lib/app.ts";
import { createLogger } from "../../src/lib/log.ts";
import { isSameProcess, statOf } from "../../src/lib/proc.ts";
import { servicesRoutes } from "../../src/supervisor/api/services.ts";
import type { ProcessSpec } from "../../src/supervisor/process/managed-process.ts";
import { ProcessTable } from "../../src/supervisor/process/process-table.ts";
import { MemoryTrail } from "../support/memory-trail.ts";

const log = createLogger("test", [], () => undefined);
const settings = SupervisionSettings.parse({});

let folder: string;
let tables: ProcessTable[];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "luna-services-"));
  tables = [];
});
afterEach(async () => {
  for (const table of tables) await Promise.all(table.all().map((one) => one.stop()));
  await rm(folder, { recursive: true, force: true });
});

function makeTable() {
  const statePath = join(folder, "state.json");
  const table = new ProcessTable({ statePath, log, settings: () => settings, port: 1 });
  tables.push(table);
  const audit = new MemoryTrail();
  const caller: Caller = { actor: { kind: "owner", name: "owner" }, address: "203.0.113.1" };
  const app = new Hono()
    .onError(onError(log))
    .route("/services", servicesRoutes({ processes: table, audit, callerOf: () => caller }));
  const call = async (path: string, method = "POST") => {
    const response = await app.request(`/services/${path}`, { method });
    return { status: response.status, body: await response.json() };
  };
  const told = () => audit.events.map(({ action, target, outcome }) => [action, target, outcome]);
  return { table, call, audit, told };
}

function spec(name: string, more: Partial<ProcessSpec> = {}): ProcessSpec {
  return {
    ...{ name, label: name, kind: "service", command: ["sleep", "60"], cwd: folder },
    environment: async () => ({ PATH: "/usr/bin:/bin" }),
    ...{ log: join(folder, `${name}.log`), mark: `${folder}:${name}`, port: null, path: null },
    ...{ probe: { alive: true }, stop_grace_ms: 1_000, restart: "always" },
    ...more,
  };
}

test("stop leaves nothing, start starts, restart makes a new process", async () => {
  const { table, call, audit, told } = makeTable();
  const managed = table.add(spec("one"));
  expect(await call("one/start")).toEqual({ status: 200, body: { starting: true } });
  expect(await managed.settled(5_000)).toBe("running");
  const first = managed.pid ?? 0;
  const firstTicks = statOf(first)?.start_ticks ?? 0;
  expect(await call("one/restart")).toEqual({ status: 200, body: { restarting: true } });
  expect(await managed.settled(5_000)).toBe("running");
  expect(managed.pid).not.toBe(first);
  expect(isSameProcess(first, firstTicks)).toBe(false);
  expect(await call("one/stop")).toEqual({ status: 200, body: { stopped: true } });
  expect(managed.pid).toBeNull();
  // What was answered is on the disk: a supervisor that dies now changes nothing of it.
  const kept = StateFile.parse(JSON.parse(readFileSync(join(folder, "state.json"), "utf8")));
  expect(kept.services["one"]).toMatchObject({ status: "stopped", stopped_by_hand: true });
  const { body } = await call("status", "GET");
  expect(body).toMatchObject({ services: { one: { status: "stopped", stopped_by_hand: true } } });
  expect(told()).toEqual([
    ["process.start", "one", "ok"],
    ["process.restart", "one", "ok"],
    ["process.stop", "one", "ok"],
  ]);
  const who = { actor: { kind: "owner", name: "owner" }, address: "203.0.113.1" };
  for (const event of audit.events) expect(event).toMatchObject(who);
});

test("what is not there is a 404 that says what is, and a tool host cannot be started by hand", async () => {
  const { table, call } = makeTable();
  table.add(spec("one"));
  const host = table.add(spec("tool-host-x", { kind: "tool-host", restart: "on_demand" }));
  for (const what of ["start", "stop", "restart"]) {
    const { status, body } = await call(`two/${what}`);
    expect(status).toBe(404);
    expect(body).toMatchObject({ error: { message: expect.stringContaining("one, tool-host-x") } });
  }
  expect((await call("tool-host-x/start")).status).toBe(422);
  expect((await call("tool-host-x/restart")).status).toBe(422);
  host.start();
  expect(await host.settled(5_000)).toBe("running");
  expect((await call("tool-host-x/stop")).status).toBe(200);
  expect(host.pid).toBeNull();
  expect(table.views().map(({ stopped_by_hand }) => stopped_by_hand)).toEqual([
    undefined,
    undefined,
  ]);
});

test("a service of an extension goes by the name that its port is assigned to, too", async () => {
  const { table, call } = makeTable();
  const managed = table.add(spec("clock__service_web"));
  expect((await call("clock.web/start")).status).toBe(200);
  expect(await managed.settled(5_000)).toBe("running");
  expect((await call("clock.web/stop")).status).toBe(200);
  expect((await call("clock.ui/stop")).status).toBe(404);
});

test("a service that does not restart by itself is restarted by hand", async () => {
  const { table, call } = makeTable();
  const managed = table.add(spec("one", { restart: "on_demand" }));
  expect((await call("one/restart")).status).toBe(200);
  expect(await managed.settled(5_000)).toBe("running");
});

test("a supervisor that dies in the middle of its start loses nothing that the one before it ran", async () => {
  const { table } = makeTable();
  for (const name of ["one", "two"]) {
    const managed = table.add(spec(name));
    managed.start();
    expect(await managed.settled(5_000)).toBe("running");
  }
  await table.flush();
  const dying = makeTable();
  await dying.table.load();
  dying.table.add(spec("one"));
  await dying.table.flush();
  const next = makeTable();
  await next.table.load();
  const two = next.table.add(spec("two"));
  expect(two.pid).toBe(table.get("two")?.pid ?? 0);
  next.table.forgetPrevious();
  await next.table.flush();
  const state = StateFile.parse(JSON.parse(await readFile(join(folder, "state.json"), "utf8")));
  expect(Object.keys(state.services)).toEqual(["two"]);
});

test("a further supervisor of the same `luna up` does not do again what was done", async () => {
  const { table } = makeTable();
  const once = (): ProcessSpec => spec("once", { restart: "on_demand", command: ["true"] });
  const managed = table.add(once());
  table.startUnlessStopped(managed);
  expect(await managed.settled(5_000)).toBe("exited");
  await table.flush();
  const next = makeTable();
  await next.table.load();
  const again = next.table.add(once());
  next.table.startUnlessStopped(again);
  expect(again.state).toBe("exited");
  // Who asks for it gets it.
  expect((await next.call("once/start")).status).toBe(200);
  expect(await again.settled(5_000)).toBe("exited");
  expect(again.view().restarts).toBe(1);
});

test("a further supervisor of the same `luna up` leaves what was stopped, another one does not", async () => {
  const { table, call } = makeTable();
  table.add(spec("one"));
  table.add(spec("two"));
  await call("one/stop");
  await table.flush();

  const next = makeTable();
  await next.table.load();
  for (const name of ["one", "two"]) next.table.startUnlessStopped(next.table.add(spec(name)));
  expect(next.table.views().map(({ status }) => status)).toEqual(["stopped", "starting"]);
  expect((await next.call("one/start")).status).toBe(200);
  expect(next.table.views().map(({ stopped_by_hand }) => stopped_by_hand)).toEqual([
    undefined,
    undefined,
  ]);
  await next.call("one/stop");
  await next.table.flush();

  const path = join(folder, "state.json");
  const state = StateFile.parse(JSON.parse(await readFile(path, "utf8")));
  expect(state.services["one"]?.stopped_by_hand).toBe(true);
  state.supervisor.bootstrap = { pid: 1, start_ticks: 1 };
  await writeFile(path, JSON.stringify(state));
  const anew = makeTable();
  await anew.table.load();
  anew.table.startUnlessStopped(anew.table.add(spec("one")));
  expect(anew.table.views()[0]?.status).toBe("starting");
});
