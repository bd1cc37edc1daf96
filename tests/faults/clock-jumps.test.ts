/** Fault 9: a clock that somebody sets, years ahead or back, times nothing out, holds nothing up, and resets nothing. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readCredentials } from "../../src/config/credentials.ts";
import { EnvFile } from "../../src/config/env-file.ts";
import { pathsOf } from "../../src/config/paths.ts";
import { portsWith } from "../../src/config/ports.ts";
import { Overview } from "../../src/contract/process.ts";
import { statOf } from "../../src/lib/proc.ts";
import { BINARY, freeOffset } from "../support/start-luna.ts";
import { until } from "../support/until.ts";
import { clean, layOutQuietHome, TOKEN } from "./scenarios.ts";

setDefaultTimeout(90_000);

/** Debian's package `faketime`; the loader's name for the machine's kind is part of its path. */
const FAKETIME = [
  "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1",
  "/usr/lib/aarch64-linux-gnu/faketime/libfaketimeMT.so.1",
].find((path) => existsSync(path));

const YEAR_MS = 365 * 86_400_000;
const GRACE_MS = 2_500;
const SLACK_MS = 4_000;
const STOP_MS_MAX = 5_000;

const SERVICES: Record<string, string> = {
  steady: "exec sleep 600",
  deaf: "trap '' TERM; while :; do sleep 0.1; done",
  crasher: "date +%s%3N >> starts; exit 1",
};

let home = "";
let offset = 0;
let supervisor: Bun.Subprocess;

async function setClock(shift: string): Promise<void> {
  await writeFile(join(home, "clock"), `${shift}\n`);
}

async function control(path: string, method = "GET"): Promise<Response> {
  return fetch(`http://127.0.0.1:${portsWith(offset).supervisor}${path}`, {
    method,
    headers: { Authorization: `Bearer ${TOKEN}` },
  });
}
const overview = async (): Promise<Overview> =>
  Overview.parse(await (await control("/overview")).json());
async function viewOf(name: string) {
  const view = (await overview()).processes.find((one) => one.name === `wild__service_${name}`);
  if (view === undefined) throw new Error(`There is no ${name}`);
  return view;
}
/** What the supervisor takes for now: the Date header of its answers is the machine's own. */
async function yearsOff(): Promise<number> {
  const { processes } = await overview();
  const times = processes.flatMap(({ last_check }) => last_check ?? []);
  return Math.round((Math.max(...times.map(Date.parse)) - Date.now()) / YEAR_MS);
}

beforeAll(async () => {
  if (FAKETIME === undefined)
    throw new Error("faketime is not installed: apt-get install faketime");
  home = await mkdtemp(join(tmpdir(), "luna-clock-"));
  offset = freeOffset();
  await layOutQuietHome(home);
  for (const [name, script] of Object.entries(SERVICES)) {
    await Bun.write(
      join(home, "extensions/wild/services", name, "start.sh"),
      `#!/bin/sh\nPATH=/usr/bin:/bin; ${script}\n`,
    );
  }
  await Bun.write(
    join(home, ".luna/master_config.json"),
    JSON.stringify({ supervision: { probe_period_ms: 100 } }),
  );
  await setClock("+0");
  supervisor = Bun.spawn([BINARY, "supervise"], {
    cwd: home,
    env: {
      ...clean(home, offset),
      LD_PRELOAD: FAKETIME,
      FAKETIME_TIMESTAMP_FILE: join(home, "clock"),
      FAKETIME_NO_CACHE: "1",
      // Whoever sets a clock does not set this one: nobody can.
      FAKETIME_DONT_FAKE_MONOTONIC: "1",
    },
    stdio: ["ignore", "ignore", "ignore"],
  });
  await until(async () => (await viewOf("steady")).status === "running", { timeoutMs: 30_000 });
});
afterAll(async () => {
  supervisor.kill("SIGTERM");
  const began = performance.now();
  expect(await supervisor.exited).toBe(0);
  expect(performance.now() - began).toBeLessThan(STOP_MS_MAX + GRACE_MS);
  await rm(home, { recursive: true, force: true });
});

test("the token of this test is the supervisor's", async () => {
  const { supervisorToken } = await readCredentials(new EnvFile(pathsOf(home).env));
  expect(supervisorToken).toBe(TOKEN);
});

for (const [shift, years] of [
  ["+3y", 3],
  ["-2y", -2],
] as const) {
  test(`fault 9: a jump of ${years} years times nothing out and restarts nothing`, async () => {
    const before = await viewOf("steady");
    await setClock(shift);
    await until(async () => (await yearsOff()) === years, { what: "the supervisor to notice" });
    // Many probes later, all is as it was.
    const { last_check } = await viewOf("steady");
    await until(async () => (await viewOf("steady")).last_check !== last_check);
    const after = await viewOf("steady");
    expect([after.pid, after.restarts, after.status]).toEqual([
      before.pid,
      before.restarts,
      "running",
    ]);
  });

  test(`fault 9: after it, SIGKILL still comes at its bound, neither sooner nor never`, async () => {
    await until(async () => (await viewOf("deaf")).status === "running", { timeoutMs: 20_000 });
    const { pid } = await viewOf("deaf");
    const began = performance.now();
    const stopped = control("/services/wild__service_deaf/stop", "POST");
    await Bun.sleep(100);
    // And once more while it is being waited for.
    await setClock(years > 0 ? "-1y" : "+1y");
    expect((await stopped).status).toBe(200);
    const took = performance.now() - began;
    expect(statOf(pid ?? 0)?.alive ?? false).toBe(false);
    expect(took).toBeGreaterThanOrEqual(GRACE_MS - 100);
    expect(took).toBeLessThan(GRACE_MS + SLACK_MS);
    await control("/services/wild__service_deaf/start", "POST");
  });

  test(`fault 9: after it, a back-off neither lasts for ever nor is skipped`, async () => {
    await control("/services/wild__service_crasher/restart", "POST");
    const starts = async (): Promise<number[]> =>
      (await Bun.file(join(home, "extensions/wild/services/crasher/starts")).text())
        .trim()
        .split("\n")
        .map(Number);
    const before = (await starts()).length;
    await setClock(shift);
    await until(async () => (await starts()).length >= before + 3, {
      timeoutMs: 20_000,
      what: "three more starts",
    });
    const times = await starts();
    const gap = (times.at(-1) ?? 0) - (times.at(-2) ?? 0);
    expect(gap).toBeGreaterThanOrEqual(50);
    await control("/services/wild__service_crasher/stop", "POST");
  });
}
