/** Kills a program before each of its calls on durable files, one run each, and judges what is left. */
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { readTextIfThere } from "../../src/lib/files.ts";
import {
  type Call,
  FILE_CALLS,
  type FileCall,
  parseTrace,
  startTraced,
  type Trace,
} from "./strace.ts";

/** The machine of CI has two processors. */
const RUNS_AT_ONCE = 2;
/** Threads share the work differently each time: the search is this much wider than what was seen. */
const SLACK = 2;
/** Which thread makes a call, and so which call is the thread's tenth, is chance: what was missed is tried again. */
const SWEEPS_MAX = 4;
/** Where one sweep takes more runs than this, a second one is not worth its time. */
const RUNS_PER_CALL_MAX = 24;
/** A kind of step on a file that no run was killed at is sought so many times more. */
const SEARCHES_MAX = 8;
/** The steps by which a file is replaced: each of them is to be hit for each file. */
const STEPS: ReadonlySet<FileCall> = new Set(["write", "fsync", "rename"]);

type Files = ReadonlyMap<string, string | undefined>;

export interface Outcome<Facts> {
  home: string;
  /** The durable files' texts before the run, after the kill, and after the next whole run. */
  before: Files;
  killed: Files;
  after: Files;
  /** What the run was seen to have done. */
  facts: Facts;
}

export interface Scenario<Facts> {
  /** Paths in the home. */
  durable: readonly string[];
  /**
   * Whether only calls are wanted that name one of these files or its folder, which takes few runs: strace counts
   * those alone. What is done to a temporary file before it gets the name is judged by its order.
   */
  named?: boolean;
  prepare(home: string): Promise<void>;
  command: readonly string[];
  environment(home: string, lane: number): Record<string, string>;
  /** Asks the running program for what it shall write, and ends it; a program that dies meanwhile is no error. */
  drive(run: {
    pid: number;
    exited: Promise<unknown>;
    home: string;
    lane: number;
    traced: boolean;
  }): Promise<Facts>;
  /** Called after the kill, before the next start. */
  inspect?(home: string, facts: Facts): Promise<void>;
  /** Throws when something is torn or lost. */
  judge(outcome: Outcome<Facts>): Promise<void> | void;
}

export interface Enumeration {
  /** Distinct calls on durable files before which the program was killed. */
  points: ReadonlySet<string>;
  /** What was left broken, by point. */
  faults: readonly { point: string; error: string }[];
  /** Points that were seen in a whole run, and that no kill hit. */
  missed: readonly string[];
  /** The same of kinds of steps on a file: there is none that a longer search did not find. */
  lacking: readonly string[];
  /** A run without a kill. */
  baseline: Trace;
}

interface Run<Facts> {
  home: string;
  trace: Trace;
  facts: Facts;
  before: Files;
}

async function textsOf(home: string, files: readonly string[]): Promise<Files> {
  const entries = files.map(
    async (file) => [file, await readTextIfThere(join(home, file))] as const,
  );
  return new Map(await Promise.all(entries));
}

/** Whether a call is on one of the files, on what becomes one, or makes the folder of one last. */
function concerns({ name, path }: Call, durable: readonly string[]): boolean {
  // strace can wait for the opening of names that are known before.
  if (name === "openat") return durable.includes(path);
  const isSync = name === "fsync" || name === "fdatasync";
  return durable.some(
    (file) =>
      path === file ||
      path.startsWith(`${file}.`) ||
      path.startsWith(`${file}-`) ||
      (isSync && path === dirname(file)),
  );
}

async function runOnce<Facts>(
  scenario: Scenario<Facts>,
  lane: number,
  fault?: { call: FileCall; when: number },
): Promise<Run<Facts>> {
  const home = await mkdtemp(join(tmpdir(), "luna-crash-"));
  await scenario.prepare(home);
  const before = await textsOf(home, scenario.durable);
  const log = `${home}.strace`;
  // Without -P a program's own start has far more of these than its files have.
  const paths = scenario.durable.flatMap((file) => [join(home, file), dirname(join(home, file))]);
  const traced = startTraced({
    command: scenario.command,
    environment: scenario.environment(home, lane),
    cwd: home,
    log,
    calls: fault === undefined ? FILE_CALLS : [fault.call],
    paths: fault !== undefined && isByName(fault.call, scenario) ? paths : [],
    ...(fault === undefined ? {} : { inject: `${fault.call}:signal=KILL:when=${fault.when}` }),
  });
  const facts = await scenario.drive({
    pid: traced.pid,
    exited: traced.exited,
    home,
    lane,
    traced: true,
  });
  await traced.exited;
  const trace = parseTrace(await readFile(log, "utf8"), home);
  await rm(log);
  return { home, trace, facts, before };
}

/** Starts the scenario once more on what the kill left, and judges. */
async function judge<Facts>(
  scenario: Scenario<Facts>,
  run: Run<Facts>,
  lane: number,
): Promise<void> {
  const { home, facts, before } = run;
  const killed = await textsOf(home, scenario.durable);
  await scenario.inspect?.(home, facts);
  const again = Bun.spawn([...scenario.command], {
    cwd: home,
    env: scenario.environment(home, lane),
    stdin: "ignore",
    stdout: "ignore",
    stderr: "ignore",
  });
  try {
    await scenario.drive({ pid: again.pid, exited: again.exited, home, lane, traced: false });
  } catch (error) {
    // It would answer the next one's questions.
    again.kill("SIGKILL");
    throw error;
  } finally {
    await again.exited;
  }
  if (again.signalCode !== null) throw new Error(`The next start ended with ${again.signalCode}`);
  const after = await textsOf(home, scenario.durable);
  await scenario.judge({ home, before, killed, after, facts });
  const left = (await readdir(home, { recursive: true })).filter((file) =>
    /\.(?:tmp|candidate)$/.test(file),
  );
  if (left.length > 0) throw new Error(`The next start left ${left.join(", ")}`);
}

/** The name of a call: what, on what, and the how-manieth of its kind. */
function pointAt(calls: readonly Call[], index: number): string | undefined {
  const call = calls[index];
  if (call === undefined) return undefined;
  const isSame = ({ name, path }: Call): boolean => name === call.name && path === call.path;
  return `${call.name} ${call.path} #${calls.slice(0, index + 1).filter(isSame).length}`;
}

/** Whether strace is to count only calls on the very names; of a rename it sees the old name alone, which is a temporary one. */
function isByName(call: FileCall, { named }: { named?: boolean }): boolean {
  return call === "openat" || (named === true && call !== "rename");
}

/** The calls that name a durable file or its folder, counted as strace will count them. */
function named({ calls, killed }: Trace, durable: readonly string[]): Trace {
  const names = new Set(durable.flatMap((file) => [file, dirname(file)]));
  const counts = new Map<string, number>();
  const found = calls.flatMap((call) => {
    if (!names.has(call.path)) return [];
    const key = `${call.thread} ${call.name}`;
    const count = (counts.get(key) ?? 0) + 1;
    counts.set(key, count);
    return [isByName(call.name, { named: true }) ? { ...call, count } : call];
  });
  return { calls: found, killed };
}

interface Target {
  /** The counts at which threads made the call. */
  first: number;
  last: number;
  /** Points that no run was killed at so far. */
  missed: Set<string>;
}

/** The calls of `trace` by which durable files change, and the counts at which their threads made them. */
function targetsOf(trace: Trace, isDurable: (call: Call) => boolean) {
  const targets = new Map<FileCall, Target>();
  for (const [index, call] of trace.calls.entries()) {
    if (!isDurable(call)) continue;
    const { first = Infinity, last = 0, missed = new Set<string>() } = targets.get(call.name) ?? {};
    missed.add(pointAt(trace.calls, index) ?? "");
    targets.set(call.name, {
      first: Math.max(1, Math.min(first, call.count - SLACK)),
      last: Math.max(last, call.count + SLACK),
      missed,
    });
  }
  return targets;
}

/** Every kind of step that replaced a durable file in a whole run. */
function pairsIn({ calls }: Trace, isDurable: (call: Call) => boolean): string[] {
  const points = calls.flatMap((call, index) =>
    STEPS.has(call.name) && isDurable(call) ? (pointAt(calls, index) ?? []) : [],
  );
  return [...new Set(points.map(pairOf))];
}

/** What a point is, without the how-manieth: a step of the replacement of one file. */
export function pairOf(point: string): string {
  return point.replace(/ #\d+$/, "").replace(/(?:\.candidate)?(?:\.tmp)?$/, "");
}

/** Runs the scenario whole once, then once for each call that can be reached. */
export async function enumerateCrashes<Facts>(scenario: Scenario<Facts>): Promise<Enumeration> {
  const points = new Set<string>();
  const faults: { point: string; error: string }[] = [];
  const whole = await runOnce(scenario, 0);
  await judge(scenario, whole, 0);
  await rm(whole.home, { recursive: true });
  const isDurable = (call: Call): boolean => concerns(call, scenario.durable);
  const sought = scenario.named === true ? named(whole.trace, scenario.durable) : whole.trace;
  const targets = targetsOf(sought, isDurable);
  const crash = async (lane: number, call: FileCall, when: number): Promise<void> => {
    const run = await runOnce(scenario, lane, { call, when });
    const { calls, killed } = run.trace;
    const index = calls.findIndex(({ name, count }) => name === call && count === when);
    const victim = killed ? calls[index] : undefined;
    const point = pointAt(calls, index) ?? call;
    if (victim !== undefined && isDurable(victim)) points.add(point);
    targets.get(call)?.missed.delete(point);
    await judge(scenario, run, lane).catch((error: Error) =>
      faults.push({ point, error: error.message }),
    );
    await rm(run.home, { recursive: true });
  };
  const sweep = async (
    isWanted: (call: FileCall, target: Target) => boolean,
    isDone: () => boolean = () => false,
  ): Promise<void> => {
    const todo = [...targets].flatMap(([call, target]) => {
      const { first, last } = target;
      const length = isWanted(call, target) ? last - first + 1 : 0;
      return Array.from({ length }, (_, index) => ({ call, when: first + index }));
    });
    const work = async (lane: number): Promise<void> => {
      for (let next = todo.shift(); next && !isDone(); next = todo.shift()) {
        await crash(lane, next.call, next.when);
      }
    };
    await Promise.all(Array.from({ length: RUNS_AT_ONCE }, (_, lane) => work(lane)));
  };
  for (let round = 0; round < SWEEPS_MAX; round += 1) {
    await sweep(
      (_, { first, last, missed }) =>
        missed.size > 0 && (last - first) * round <= RUNS_PER_CALL_MAX,
    );
  }
  const pairs = pairsIn(sought, isDurable);
  const lacking = (): string[] => {
    const hit = new Set([...points].map(pairOf));
    return pairs.filter((pair) => !hit.has(pair));
  };
  for (let search = 0; search < SEARCHES_MAX && lacking().length > 0; search += 1) {
    const calls = new Set(lacking().map((pair) => pair.split(" ")[0]));
    // A thread that did something else before counts further, and one that was idle begins with one.
    for (const [call, target] of targets) {
      if (calls.has(call)) Object.assign(target, { first: 1, last: target.last + SLACK });
    }
    await sweep(
      (call) => calls.has(call),
      () => lacking().length === 0,
    );
  }
  const missed = [...targets.values()].flatMap((target) => [...target.missed]);
  return { points, faults, missed, lacking: lacking(), baseline: whole.trace };
}
