/** Measures supervision: how soon a killed child serves again, and what watching costs, next to other supervisors. */
import { availableParallelism, loadavg } from "node:os";
import { VERSION } from "../../../src/config/version.ts";
import { cpuMeter, median, percentile, pssMb } from "../measure.ts";
import { type Arm, killOnce, type RunningArm, startArm } from "./arm.ts";
import { judgeAll } from "./bounds.ts";
import { beginToCrash, crashes } from "./children.ts";
import { LUNA } from "./luna-arm.ts";
import { BARE, PM2_ARM, S6, SUPERVISORD } from "./other-arms.ts";
import { type Figures, figuresTable, type Loop } from "./report.ts";

const ARMS: readonly Arm[] = [LUNA, PM2_ARM, SUPERVISORD, S6, BARE];
const KILLS = 20;
/** A child that lived for less is a crash loop to pm2, supervisord and s6. */
const LIFE_MS = 1_200;
const IDLE_MS = 10_000;
/** After the start, until nothing is being loaded or compiled any more. */
const REST_MS = 5_000;
const LOOP_MS = 20_000;
const US_PER_MS = 1_000;

function tell(text: string): void {
  process.stdout.write(`${text}\n`);
}

const interrupted = new AbortController();

/** Sleeps, unless the benchmark is told to end. */
async function rest(ms: number): Promise<void> {
  const { signal } = interrupted;
  signal.throwIfAborted();
  const { promise, reject } = Promise.withResolvers<never>();
  const end = (): void => reject(signal.reason);
  signal.addEventListener("abort", end);
  await Promise.race([Bun.sleep(ms), promise]);
  signal.removeEventListener("abort", end);
}

/** Starts those that can be; what the others lack is said. */
async function startAll(running: RunningArm[]): Promise<void> {
  for (const arm of ARMS) {
    interrupted.signal.throwIfAborted();
    const lack = await arm.lacks();
    if (lack !== undefined) tell(`Without ${arm.name}: it needs ${lack}`);
    else running.push(await startArm(arm));
  }
}

/** Kills the servers in turn: whatever else the machine does falls on all arms alike. */
async function measureRecovery(running: readonly RunningArm[]): Promise<Map<string, number[]>> {
  const times = new Map<string, number[]>(running.map(({ name }) => [name, []]));
  for (let round = 0; round < KILLS; round += 1) {
    await rest(LIFE_MS);
    const order = round % 2 === 0 ? running : running.toReversed();
    for (const arm of order) times.get(arm.name)?.push(await killOnce(arm));
    for (const { supervisor } of running) await supervisor.forgetKill?.();
  }
  return times;
}

/** Processor time of each arm while nothing happens, in percent of a core. */
async function measureIdle(running: readonly RunningArm[]): Promise<Map<string, number>> {
  const meters = running.map(({ supervisor }) => cpuMeter(supervisor.pids));
  await rest(IDLE_MS);
  const used = meters.map((meter) => meter());
  return new Map(
    running.map(({ name }, index) => [name, ((used[index] ?? 0) / US_PER_MS / IDLE_MS) * 100]),
  );
}

/** What a crash loop costs the processes that supervise it; the time of the child itself is not in it. */
async function measureLoop({ folder, supervisor }: RunningArm): Promise<Loop> {
  const used = cpuMeter(supervisor.pids);
  await beginToCrash(folder);
  await rest(LOOP_MS);
  return { starts: await crashes(folder), cpuMs: used() / US_PER_MS };
}

async function measure(running: readonly RunningArm[]): Promise<Figures[]> {
  await rest(REST_MS);
  const idle = await measureIdle(running);
  const memory = new Map(
    running.map(({ name, supervisor }) => [
      name,
      supervisor.pids.reduce((sum, pid) => sum + pssMb(pid), 0),
    ]),
  );
  const recovery = await measureRecovery(running);
  const watched = running.filter(({ supervisor }) => supervisor.pids.length > 0);
  const loops = await Promise.all(
    watched.map(async (arm) => [arm.name, await measureLoop(arm)] as const),
  );
  return running.map(({ name, supervisor }) => {
    const times = recovery.get(name) ?? [];
    return {
      name,
      recoveryMs: median(times),
      recoveryP95Ms: percentile(times, 0.95),
      isWatched: supervisor.pids.length > 0,
      pssMb: memory.get(name) ?? Number.NaN,
      idlePercent: idle.get(name) ?? Number.NaN,
      loop: new Map(loops).get(name),
    };
  });
}

/** @returns the exit code: 1 when a bound is missed or could not be judged */
async function bench(): Promise<number> {
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.once(signal, () =>
      interrupted.abort(new Error(`The benchmark was ended by ${signal}`)),
    );
  }
  const load = loadavg()[0]?.toFixed(1);
  tell(
    `Luna ${VERSION}, Bun ${Bun.version}, ${availableParallelism()} processors, load ${load}; ${KILLS} kills each, in turn.`,
  );
  const running: RunningArm[] = [];
  try {
    await startAll(running);
    const figures = await measure(running);
    tell(figuresTable(figures, LOOP_MS));
    const { text, isKept } = judgeAll(figures);
    tell(text);
    return isKept ? 0 : 1;
  } finally {
    // One that does not stop keeps no other one from it.
    const stops = await Promise.allSettled(running.map((arm) => arm.stop()));
    for (const stop of stops) if (stop.status === "rejected") tell(`Left behind: ${stop.reason}`);
  }
}

process.exitCode = await bench();
