/** Faults 1 and 2: kill -9 of anything, again and again, under load. What is not killed goes on, and the books stay right. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { MARK_VARIABLE, processMark } from "../../src/config/mark.ts";
import { StateFile } from "../../src/contract/process.ts";
import { isSameProcess, sendSignal, statOf } from "../../src/lib/proc.ts";
import { fixtureExtension } from "../support/fixture.ts";
import { type Load, startLoad } from "../support/load.ts";
import { chance } from "../support/random.ts";
import { type Luna, startLuna } from "../support/start-luna.ts";
import { until } from "../support/until.ts";

const TIMEOUT_MS = 180_000;
const SETTLE_MS = 30_000;
const KILLS = 100;
/** Beyond this a part would wait longer and longer, which is another fault's test. */
const FAILURES_MAX = 2;
const SUPERVISOR_KILLS = 4;
const SEED = 20_261_125;

const CORE = ["auth", "agent", "mcp", "hub", "caddy"];
const PARTS = [...CORE, "clock_ui", "clock__service_web", "clock__service_worker"];

let luna: Luna;
let load: Load;
beforeEach(async () => {
  luna = await startLuna({ files: await fixtureExtension("clock") });
  for (const name of PARTS) await luna.pidOf(name);
  const cookie = await luna.signIn();
  load = startLoad({
    session: async () => {
      const response = await fetch(`${luna.url}/auth/me`, { headers: { Cookie: cookie } });
      await response.arrayBuffer();
      return response.status === 200 ? undefined : `${response.status}`;
    },
    service: async () => {
      const response = await fetch(`${luna.url}/api/clock/web/x`, { headers: { Cookie: cookie } });
      await response.arrayBuffer();
      return response.status === 200 ? undefined : `${response.status}`;
    },
  });
}, TIMEOUT_MS);
afterEach(async () => {
  await load.stop();
  await luna.stop();
  const left = luna.processes();
  await luna.remove();
  expect(left).toEqual([]);
}, TIMEOUT_MS);

/** Reads state.json without a pause: every text of it must be whole. */
function readStateAllTheTime() {
  let reads = 0;
  let isOver = false;
  const done = (async () => {
    for (; !isOver; reads += 1) {
      StateFile.parse(JSON.parse(readFileSync(luna.paths.state, "utf8")));
      await Bun.sleep(1);
    }
  })();
  return {
    end: async (): Promise<number> => {
      isOver = true;
      await done;
      return reads;
    },
  };
}

const running = async (name: string, restarts: number): Promise<void> => {
  await until(
    async () => {
      const record = (await luna.state()).services[name];
      return record?.status === "running" && record.restarts === restarts;
    },
    { timeoutMs: SETTLE_MS, what: `${name} to run after ${restarts} restarts` },
  );
};

/** Zombies whose parent is one of Luna's own processes. */
function zombies(parents: ReadonlySet<number>): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => statOf(Number(name)) ?? [])
    .filter(({ alive, parent }) => !alive && parents.has(parent))
    .map(({ pid }) => pid);
}

test(
  `fault 1: ${KILLS} kills of any child in random order under load: the supervisor lives, no zombie, no orphan, state.json matches`,
  async () => {
    const { next, pick } = chance(SEED);
    const { supervisor } = await luna.state();
    const watch = readStateAllTheTime();
    const restarts: Record<string, number> = {};
    const failures: Record<string, number> = {};
    for (let kill = 0; kill < KILLS; kill += 1) {
      const name = pick(PARTS);
      sendSignal(await luna.pidOf(name), "SIGKILL");
      restarts[name] = (restarts[name] ?? 0) + 1;
      failures[name] = (failures[name] ?? 0) + 1;
      await running(name, restarts[name]);
      if (failures[name] < FAILURES_MAX || next() < 0.1) continue;
      await luna.control(`/services/${name}/restart`, { method: "POST" });
      failures[name] = 0;
      restarts[name] += 1;
      await running(name, restarts[name]);
    }
    expect(await watch.end()).toBeGreaterThan(KILLS);
    const state = await luna.state();
    expect(state.supervisor).toEqual(supervisor);
    for (const name of PARTS) {
      expect([name, state.services[name]?.restarts]).toEqual([name, restarts[name] ?? 0]);
    }
    const known = Object.values(state.services).flatMap(({ pid, start_ticks }) =>
      pid === null ? [] : [{ pid, start_ticks: start_ticks ?? 0 }],
    );
    for (const { pid, start_ticks } of known) expect(isSameProcess(pid, start_ticks)).toBe(true);
    const pids = [...known.map(({ pid }) => pid), supervisor.pid];
    await until(() => luna.processes().length === pids.length, { what: "nothing but the parts" });
    expect(
      luna
        .processes()
        .map(({ pid }) => pid)
        .sort(),
    ).toEqual(pids.sort());
    await until(() => zombies(new Set([...pids, luna.pid])).length === 0, { what: "no zombie" });
    expect(load.answered()).toBeGreaterThan(0);
  },
  TIMEOUT_MS,
);

test(
  `fault 2: ${SUPERVISOR_KILLS} kills of the supervisor at random moments: children serve on, each next one adopts them and ends what it does not know`,
  async () => {
    const { next } = chance(SEED);
    const pids = async () => {
      const { services } = await luna.state();
      return Object.fromEntries(PARTS.map((name) => [name, services[name]?.pid]));
    };
    const before = await pids();
    const unwanted = Bun.spawn(["sleep", "600"], {
      env: { [MARK_VARIABLE]: processMark(luna.home, "of_an_older_luna") },
    });
    try {
      for (let kill = 0; kill < SUPERVISOR_KILLS; kill += 1) {
        const { pid } = (await luna.state()).supervisor;
        // Also in the middle of its start, which the last round of this loop has not waited for.
        await Bun.sleep(next() * 300);
        sendSignal(pid, "SIGKILL");
        await until(async () => (await luna.state()).supervisor.pid !== pid, {
          timeoutMs: SETTLE_MS,
          what: "another supervisor",
        });
      }
      await until(
        async () => (await (await luna.control("/overview")).json()).phase === "running",
        { timeoutMs: SETTLE_MS, what: "the last supervisor to run" },
      );
      await until(() => unwanted.signalCode === "SIGKILL", { what: "the unwanted one to end" });
    } finally {
      unwanted.kill("SIGKILL");
    }
    const answered = load.answered();
    await until(() => load.answered() > answered);
    await load.stop();
    expect(load.failures).toEqual([]);
    expect(await pids()).toEqual(before);
  },
  TIMEOUT_MS,
);
