/** A disk that is full, fails or may not be written: told, nothing broken by it, and over when it is over. */
import { afterEach, expect, test } from "bun:test";
import {
  appendFile,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { portsWith } from "../../src/config/ports.ts";
import { MasterConfig } from "../../src/contract/config.ts";
import { CoreServiceName, Overview, StateFile } from "../../src/contract/process.ts";
import { sendSignal } from "../../src/lib/proc.ts";
import { BINARY, freeOffset, type Luna, startLuna } from "../support/start-luna.ts";
import { until } from "../support/until.ts";
import { clean, layOutQuietHome, TOKEN } from "./scenarios.ts";
import { mountSmallDisk, type SmallDisk } from "./small-disk.ts";
import { startTraced, tracedPid } from "./strace.ts";

const TIMEOUT_MS = 60_000;
const DISK_MB = 24;
const PAGE_BYTES = 4_096;

const cleanUp: (() => Promise<unknown> | unknown)[] = [];
afterEach(async () => {
  for (const one of cleanUp.splice(0).reverse()) await one();
});

async function makeHome(): Promise<string> {
  const home = await mkdtemp(join(tmpdir(), "luna-disk-"));
  cleanUp.push(() => rm(home, { recursive: true, force: true }));
  return home;
}

/** The control API, as a person's client sees it. */
function controlOf(offset: number) {
  const address = `http://127.0.0.1:${portsWith(offset).supervisor}`;
  const headers = { Authorization: `Bearer ${TOKEN}`, "Content-Type": "application/json" };
  return {
    isUp: async () => (await fetch(`${address}/health`)).ok,
    problems: async () =>
      Overview.parse(await (await fetch(`${address}/overview`, { headers })).json()).problems,
    create: (name: string) =>
      fetch(`${address}/mcp-servers/create`, {
        method: "POST",
        headers,
        body: JSON.stringify({ name }),
      }),
  };
}

for (const [code, words] of [
  ["ENOSPC", "no space left on device"],
  ["EIO", "i/o error"],
] as const) {
  test(
    `fault 5: ${code} at each fsync: told, the old files intact, and mended by itself`,
    async () => {
      const home = await makeHome();
      await layOutQuietHome(home);
      const configPath = join(home, ".luna/master_config.json");
      const statePath = join(home, ".luna/state.json");
      const config = JSON.stringify({ mine: 1 });
      const gone = { pid: 1, start_ticks: 1 };
      const state = JSON.stringify({
        supervisor: { ...gone, started_at: "2026-01-01T00:00:00.000Z", port: 9999, version: "0" },
        services: {},
      } satisfies StateFile);
      await writeFile(configPath, config);
      await writeFile(statePath, state);
      const offset = freeOffset();
      const strace = startTraced({
        command: [BINARY, "supervise"],
        environment: clean(home, offset),
        cwd: home,
        log: `${home}.strace`,
        calls: ["fsync"],
        inject: `fsync:error=${code}`,
      });
      cleanUp.push(() => rm(`${home}.strace`, { force: true }));
      const control = controlOf(offset);
      await until(control.isUp, { what: "the supervisor" });
      const pid = (await tracedPid(strace.pid)) ?? 0;
      cleanUp.push(() => sendSignal(pid, "SIGKILL"));

      const refused = await control.create("one");
      expect(refused.status).toBe(503);
      const { error } = await refused.json();
      expect(error.message.toLowerCase()).toContain(words);
      expect(error.message).toContain(`Cannot write "${configPath}"`);
      const problem = await until(
        async () => (await control.problems()).find(({ id }) => id === "state-unwritable"),
        { what: "the problem" },
      );
      expect(problem.title).toContain(`Cannot write "${statePath}"`);
      expect(problem.title.toLowerCase()).toContain(words);
      expect(await readFile(configPath, "utf8")).toBe(config);
      expect(await readFile(statePath, "utf8")).toBe(state);

      // Without its tracer, the supervisor goes on with a disk that works.
      strace.kill("SIGKILL");
      await until(
        async () => (await control.problems()).every(({ id }) => !id.startsWith("state-")),
        {
          what: "the problem to be over",
        },
      );
      expect(StateFile.parse(JSON.parse(await readFile(statePath, "utf8"))).supervisor.pid).toBe(
        pid,
      );
      expect((await control.create("one")).status).toBe(200);
      const now = MasterConfig.parse(JSON.parse(await readFile(configPath, "utf8")));
      expect([Object.keys(now.mcp_servers), now["mine"]]).toEqual([["one"], 1]);
      sendSignal(pid, "SIGTERM");
      await until(async () => !(await control.isUp().catch(() => false)), { what: "its end" });
      const files = await readdir(home, { recursive: true });
      expect(files.filter((file) => file.endsWith(".tmp"))).toEqual([]);
    },
    TIMEOUT_MS,
  );
}

test(
  "fault 5: no part dies of a log that cannot be written",
  async () => {
    const home = await makeHome();
    await mkdir(join(home, "logs"));
    const names = [...CoreServiceName.options, "caddy", "supervisor", "bootstrap"];
    for (const name of names) await symlink("/dev/full", join(home, "logs", `${name}.log`));
    const luna = await startLuna({ home });
    cleanUp.push(luna.remove);
    const before = await luna.state();
    expect((await fetch(`${luna.url}/healthz`)).status).toBe(200);
    // Each of these makes some part say something.
    expect((await fetch(`${luna.url}/api/mcp-none/mcp`, { method: "POST" })).status).toBe(401);
    const hub = await luna.pidOf("hub");
    sendSignal(hub, "SIGKILL");
    await until(async () => (await luna.pidOf("hub")) !== hub, { what: "a new hub" });
    const after = await luna.state();
    expect(after.supervisor).toEqual(before.supervisor);
    for (const name of ["auth", "agent", "mcp", "caddy"]) {
      expect(after.services[name]?.pid).toBe(before.services[name]?.pid ?? 0);
    }
    expect(await luna.stop()).toBe(0);
    expect(luna.processes()).toEqual([]);
  },
  TIMEOUT_MS,
);

test(
  "fault 5: a home that may only be read is one clear sentence",
  async () => {
    const home = await makeHome();
    const output = Bun.file(`${home}.output`);
    cleanUp.push(() => output.delete());
    const strace = startTraced({
      command: [BINARY, "up"],
      environment: clean(home, freeOffset()),
      cwd: home,
      log: "/dev/null",
      calls: ["mkdir", "mkdirat", "chmod", "fchmodat"],
      inject: "mkdir,mkdirat,chmod,fchmodat:error=EROFS",
      output,
    });
    expect(await strace.exited).toBe(1);
    expect(await output.text()).toMatch(
      /^Cannot lay out Luna's home in "[^\n]*": EROFS: read-only file system[^\n]*; choose a folder of yours with LUNA_HOME\n$/,
    );
  },
  TIMEOUT_MS,
);

/** What a disk that is really full does beyond an injected error, where this user may have such a disk. */
async function useFullDisk(disk: SmallDisk, luna: Luna): Promise<void> {
  const read = (path: string): Promise<string> => readFile(path, "utf8");
  const { masterConfig, env, state } = luna.paths;
  const [config, keys] = [await read(masterConfig), await read(env)];
  const create = (name: string): Promise<Response> =>
    luna.control("/mcp-servers/create", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ name }),
    });
  const problems = async () =>
    Overview.parse(await (await luna.control("/overview")).json()).problems;
  // A full disk cuts a line off at the end of a page: there is no room for a single byte more.
  const log = luna.paths.log("hub");
  await appendFile(log, "x".repeat(PAGE_BYTES - ((await stat(log)).size % PAGE_BYTES)));
  disk.fill();
  await expect(appendFile(log, "\n")).rejects.toThrow("ENOSPC");
  const refused = await create("one");
  expect(refused.status).toBe(503);
  expect((await refused.json()).error.message).toMatch(/Cannot write .*: ENOSPC/);
  const hub = await luna.pidOf("hub");
  sendSignal(hub, "SIGKILL");
  const problem = await until(
    async () => (await problems()).find(({ id }) => id === "state-unwritable"),
    { what: "the problem" },
  );
  expect(problem.fix).toContain("Make room");
  await until(async () => (await fetch(`http://127.0.0.1:${luna.ports.hub}/healthz`)).ok, {
    what: "a new hub",
  });
  expect((await fetch(`${luna.url}/healthz`)).status).toBe(200);
  expect(await read(masterConfig)).toBe(config);
  expect(await read(env)).toBe(keys);
  StateFile.parse(JSON.parse(await read(state)));
  disk.empty();
  await until(async () => (await problems()).every(({ id }) => id !== problem.id), {
    what: "the problem to be over",
  });
  expect((await create("one")).status).toBe(200);
  expect(await luna.pidOf("hub")).not.toBe(hub);
  expect(await luna.signIn()).toContain("=");
}

const disk = mountSmallDisk(DISK_MB);
if (disk === undefined) {
  process.stderr.write("This user may not mount: the full disk is the injected one alone.\n");
} else {
  test(
    "fault 5: a disk that is really full: told, all goes on, and mended by itself; then read-only",
    async () => {
      cleanUp.push(disk.remove);
      const home = join(disk.path, "home");
      await mkdir(home);
      const luna = await startLuna({ home });
      cleanUp.push(luna.remove);
      await useFullDisk(disk, luna);
      expect(await luna.stop()).toBe(0);
      disk.setReadOnly(true);
      cleanUp.push(() => disk.setReadOnly(false));
      const again = await luna.run("up");
      expect(again.code).toBe(1);
      expect(again.stderr).toMatch(/^Cannot lay out Luna's home in "[^\n]*\n$/);
    },
    TIMEOUT_MS,
  );
}
