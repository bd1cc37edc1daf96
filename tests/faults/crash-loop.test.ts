/** Faults 6 and 7: a service that crashes at once costs little and is given up in the end; one that hangs is started again. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { Overview, type Problem } from "../../src/contract/process.ts";
import { descendantsOf, isSameProcess, sendSignal, statOf } from "../../src/lib/proc.ts";
import { type Luna, startLuna } from "../support/start-luna.ts";
import { until } from "../support/until.ts";

setDefaultTimeout(120_000);

const LIMIT = 10;
/** Delays of the back-off, the first failure's being none; half of each is chance. */
const DELAYS_MS = [0, 200, 400, 800, 1_600, 3_200, 6_400, 12_800, 25_600];
/** What a start costs on a machine that does much else. */
const SLACK_MS = 3_000;
const FATAL_TIMEOUT_MS = 100_000;
const GRACE_MS = 2_500;
const TICKS_PER_S = 100;
const LINES_OF_PROBLEM = 20;

const service = (script: string, config: object = {}): Record<string, string> => ({
  "start.sh": `#!/bin/sh\n${script}\n`,
  "service_config.json": JSON.stringify({ requires_port: false, ...config }),
});
const SERVICES: Record<string, Record<string, string>> = {
  crasher: service(
    'date +%s%3N >> starts; for i in $(seq 1 15); do echo "line $i of $$"; done; exit 7',
  ),
  stopped: service("date +%s%3N >> starts; exit 1"),
  mended: service("date +%s%3N >> starts; [ -e mended ] || exit 1; exec sleep 600"),
  deaf: service("trap '' TERM; echo ready; while :; do sleep 0.1; done"),
  holder: service("setsid sleep 600 & echo ready; exec sleep 600"),
  frozen: service('exec bun serve.js "$1"', { requires_port: true, health_check: "/" }),
};
const SERVE = `Bun.serve({ hostname: "127.0.0.1", port: Number(process.argv[2]), fetch: () => new Response("ok") });`;

let luna: Luna;
let cpuBefore = 0;
beforeAll(async () => {
  const files: Record<string, string> = {
    "extensions/wild/config.json": JSON.stringify({ name: "wild" }),
    "extensions/wild/services/frozen/serve.js": SERVE,
    ".luna/master_config.json": JSON.stringify({
      supervision: { probe_period_ms: 200, probe_timeout_ms: 2_000, probe_failures_max: 2 },
    }),
  };
  for (const [name, its] of Object.entries(SERVICES)) {
    for (const [file, text] of Object.entries(its)) {
      files[`extensions/wild/services/${name}/${file}`] = text;
    }
  }
  luna = await startLuna({ files });
  cpuBefore = await cpuOfSupervisor();
});
afterAll(async () => {
  expect(await luna.stop()).toBe(0);
  const left = luna.processes();
  await luna.remove();
  expect(left).toEqual([]);
});

const nameOf = (service: string): string => `wild__service_${service}`;
const recordOf = async (service: string) => (await luna.state()).services[nameOf(service)];
const cpuOfSupervisor = async (): Promise<number> =>
  statOf((await luna.state()).supervisor.pid)?.cpu_ticks ?? 0;
const problemOf = async (service: string): Promise<Problem | undefined> =>
  Overview.parse(await (await luna.control("/overview")).json()).problems.find(
    ({ id }) => id === `process-${nameOf(service)}`,
  );
const act = async (service: string, verb: string): Promise<void> => {
  const response = await luna.control(`/services/${nameOf(service)}/${verb}`, { method: "POST" });
  expect(response.status).toBe(200);
};

/** When the service was started, in milliseconds since the epoch. */
async function starts(service: string): Promise<number[]> {
  const path = join(luna.home, "extensions/wild/services", service, "starts");
  const text = existsSync(path) ? await readFile(path, "utf8") : "";
  return text.trim().split("\n").filter(Boolean).map(Number);
}

test("fault 6: a stop during the back-off cancels it", async () => {
  await until(async () => (await recordOf("stopped"))?.status === "backoff");
  await until(async () => (await starts("stopped")).length >= 3, { timeoutMs: 30_000 });
  await until(async () => (await recordOf("stopped"))?.status === "backoff");
  await act("stopped", "stop");
  const before = (await starts("stopped")).length;
  const failures = before;
  // Longer than the back-off that was cancelled.
  await Bun.sleep((DELAYS_MS[failures] ?? 0) + 500);
  expect((await starts("stopped")).length).toBe(before);
  expect((await recordOf("stopped"))?.status).toBe("stopped");
});

test("fault 6: what is mended runs with its next start, and its failures are forgotten", async () => {
  await until(async () => (await starts("mended")).length >= 3, { timeoutMs: 30_000 });
  await Bun.write(join(luna.home, "extensions/wild/services/mended/mended"), "");
  await act("mended", "restart");
  await until(async () => (await recordOf("mended"))?.status === "running");
  expect(await problemOf("mended")).toBeUndefined();
});

test("fault 7: SIGTERM that is ignored is followed by SIGKILL at the bound", async () => {
  const pid = await luna.pidOf(nameOf("deaf"));
  const began = performance.now();
  await act("deaf", "stop");
  const took = performance.now() - began;
  expect(statOf(pid)?.alive ?? false).toBe(false);
  expect(took).toBeGreaterThanOrEqual(GRACE_MS - 100);
  expect(took).toBeLessThan(GRACE_MS + SLACK_MS);
});

test("fault 7: a grandchild that holds the output does not hold up the stop, and goes too", async () => {
  const pid = await luna.pidOf(nameOf("holder"));
  await until(() => descendantsOf(pid).length > 0);
  const family = descendantsOf(pid);
  const began = performance.now();
  await act("holder", "stop");
  expect(performance.now() - began).toBeLessThan(GRACE_MS);
  for (const one of family) expect(isSameProcess(one.pid, one.start_ticks)).toBe(false);
});

test("fault 7: a service that is frozen fails its probes, and is ended and started again", async () => {
  const pid = await luna.pidOf(nameOf("frozen"));
  const { restarts = 0 } = (await recordOf("frozen")) ?? {};
  sendSignal(pid, "SIGSTOP");
  await until(async () => (await recordOf("frozen"))?.restarts === restarts + 1, {
    timeoutMs: 30_000,
    what: "the frozen service to be started again",
  });
  expect(await luna.pidOf(nameOf("frozen"))).not.toBe(pid);
  const lines = (await readFile(luna.paths.log("supervisor"), "utf8")).split("\n");
  const why = lines.filter((line) => line.includes(nameOf("frozen")) && line.includes('"why"'));
  expect(why).toHaveLength(1);
  expect(why[0]).toContain("did not answer 2 probes in a row");
});

test("fault 7: a supervisor that is frozen is replaced, and nothing that it ran is", async () => {
  const before = await luna.state();
  const still = ["auth", "agent", "mcp", "hub", "caddy", nameOf("mended"), nameOf("frozen")];
  sendSignal(before.supervisor.pid, "SIGSTOP");
  await until(async () => (await luna.state()).supervisor.pid !== before.supervisor.pid, {
    timeoutMs: 60_000,
    what: "another supervisor",
  });
  for (const name of still) {
    expect([name, await luna.pidOf(name)]).toEqual([name, before.services[name]?.pid ?? 0]);
  }
});

test("fault 6: a crash loop ends as given up, with its exit code, its last lines and what to do", async () => {
  await until(async () => (await recordOf("crasher"))?.status === "fatal", {
    timeoutMs: FATAL_TIMEOUT_MS,
    what: "the crash loop to be given up",
  });
  const problem = await problemOf("crasher");
  expect(problem?.severity).toBe("error");
  expect(problem?.title).toContain("exit code 7");
  const lines = problem?.detail.split("\n") ?? [];
  expect(lines).toHaveLength(LINES_OF_PROBLEM);
  expect(lines.at(-1)).toStartWith("line 15 of ");
  expect(problem?.fix).toContain(`luna restart ${nameOf("crasher")}`);

  // A further supervisor counts anew, so there may be more than one loop's worth of starts, and no more than two.
  const times = await starts("crasher");
  expect(times.length).toBeGreaterThanOrEqual(LIMIT);
  expect(times.length).toBeLessThanOrEqual(2 * LIMIT);
  const gaps = times.slice(-LIMIT).flatMap((time, index, all) => {
    const before = all[index - 1];
    return before === undefined ? [] : [time - before];
  });
  for (const [index, gap] of gaps.entries()) {
    const delay = DELAYS_MS[index] ?? 0;
    expect(gap).toBeGreaterThanOrEqual(delay / 2 - 50);
    expect(gap).toBeLessThan(delay + SLACK_MS);
  }
  const log = (await readFile(luna.paths.log("supervisor"), "utf8")).split("\n");
  const said = log.filter((line) => line.includes(nameOf("crasher")));
  expect(said.length).toBeLessThanOrEqual(3 * times.length + 5);
  const span = ((times.at(-1) ?? 0) - (times.at(-LIMIT) ?? 0)) / 1_000;
  const used = ((await cpuOfSupervisor()) - cpuBefore) / TICKS_PER_S;
  process.stderr.write(`${used.toFixed(2)} s of processor time while it crashed for ${span} s\n`);
  expect(used).toBeLessThan(0.1 * span);
});
