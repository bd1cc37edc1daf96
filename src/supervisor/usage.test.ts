/** Tests the figures of processor and memory, over a made-up machine and over this one. */
import { expect, test } from "bun:test";
import { until } from "../../tests/support/until.ts";
import { allProcesses, memoryOf, type ProcessStat } from "../lib/proc.ts";
import { UsageMeter, type UsageSource } from "./usage.ts";

const MB = 1024 * 1024;

function stat(pid: number, facts: Partial<ProcessStat> = {}): ProcessStat {
  const common = { alive: true, parent: 1, group: pid, session: pid, cpu_ticks: 0 };
  return { pid, ...common, start_ticks: 1_000, ...facts };
}

/** A machine that was started 110 s ago, of whose processes the test decides. */
function machine() {
  const made = { at: 0, processes: [] as ProcessStat[], listings: 0 };
  const source: UsageSource = {
    now: () => made.at,
    uptimeSeconds: () => 110 + made.at / 1000,
    statOf: (pid) => made.processes.find((one) => one.pid === pid),
    allProcesses: () => {
      made.listings += 1;
      return made.processes;
    },
    memoryOf: () => MB,
  };
  return { made, meter: new UsageMeter(source) };
}

test("the first figure is the average since the start, and counts the whole session", () => {
  const { made, meter } = machine();
  made.processes = [
    stat(10, { cpu_ticks: 500 }),
    stat(11, { session: 10, cpu_ticks: 500 }),
    stat(12, { cpu_ticks: 9_999 }),
  ];
  expect(meter.read([10]).get(10)).toEqual({ cpu_percent: 10, memory_bytes: 2 * MB });
});

test("the next figure is of the time since the one before", () => {
  const { made, meter } = machine();
  made.processes = [stat(10, { cpu_ticks: 5_000 })];
  meter.read([10]);
  made.at = 2_000;
  made.processes = [stat(10, { cpu_ticks: 5_050 })];
  expect(meter.read([10]).get(10)?.cpu_percent).toBe(25);
});

test("within a second nothing is measured again", () => {
  const { made, meter } = machine();
  made.processes = [stat(10)];
  const first = meter.read([10]).get(10);
  made.at = 999;
  made.processes = [stat(10, { cpu_ticks: 900 })];
  expect(meter.read([10]).get(10)).toEqual(first);
  expect(made.listings).toBe(1);
});

test("a pid with a new owner starts afresh, and one that is gone has no figures", () => {
  const { made, meter } = machine();
  made.processes = [stat(10, { cpu_ticks: 5_000 }), stat(11)];
  meter.read([10, 11]);
  made.at = 2_000;
  made.processes = [stat(10, { cpu_ticks: 20, start_ticks: 11_000 })];
  const usages = meter.read([10, 11]);
  expect(usages.get(10)?.cpu_percent).toBe(10);
  expect(usages.has(11)).toBe(false);
});

test("a process that leads no session is measured alone", () => {
  const { made, meter } = machine();
  made.processes = [stat(10, { session: 1, cpu_ticks: 100 }), stat(11, { session: 1 })];
  expect(meter.read([10]).get(10)?.memory_bytes).toBe(MB);
});

test("a real process is measured together with what it started", async () => {
  const child = Bun.spawn(["sh", "-c", "sleep 60 & sleep 60 & wait"], { detached: true });
  try {
    const members = () => allProcesses().filter(({ session }) => session === child.pid);
    await until(() => members().length === 3);
    const usage = new UsageMeter().read([child.pid]).get(child.pid);
    expect(usage?.memory_bytes).toBeGreaterThan(memoryOf(child.pid) ?? 0);
    expect(usage?.cpu_percent).toBeGreaterThanOrEqual(0);
  } finally {
    process.kill(-child.pid, "SIGKILL");
    await child.exited;
  }
});
