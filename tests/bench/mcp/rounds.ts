/** Measures calls arm by arm, in turn, and what many of them leave in memory. */
import { cpuMeter, median, percentile, pssMb } from "../measure.ts";
import { type Call, load } from "./load.ts";
import { endSession, type LunaServed, openSession } from "./subject.ts";

/** So many clients wait for an answer at once. */
const CONNECTIONS = 16;
/** Code that was called less often is still being compiled. */
const WARM_UP_CALLS = 10_000;
const SETTLE_MS = 20_000;
const LOOK_MS = 500;

export interface Arm {
  call: Call;
  /** All processes that may have a part in the call. */
  pids(): readonly number[];
  /** Of the calls, for what is so slow that all of them would take minutes; 1 otherwise. */
  share?: number;
}

export interface Figures {
  /** Of one call, of all processes together, round by round. */
  cpuUs: number[];
  p99Ms: number;
  /** So many milliseconds for each of all that were answered meanwhile. */
  eachMs: number;
}

/** Runs the arms in turn, round after round; what else the machine does falls on all of them. */
export async function measureArms<Name extends string>(
  arms: Readonly<Record<Name, Arm>>,
  { rounds, calls, signal }: { rounds: number; calls: number; signal: AbortSignal },
): Promise<Record<Name, Figures>> {
  const entries = Object.entries<Arm>(arms);
  const found = new Map<string, { cpuUs: number; p99Ms: number; eachMs: number }[]>();
  for (const [, { call, share = 1 }] of entries) {
    await load(call, { connections: CONNECTIONS, calls: WARM_UP_CALLS * share });
  }
  for (let round = 0; round < rounds; round += 1) {
    for (const [name, { call, pids, share = 1 }] of round % 2 === 0
      ? entries
      : entries.toReversed()) {
      signal.throwIfAborted();
      const used = cpuMeter(pids());
      const began = performance.now();
      const took = await load(call, { connections: CONNECTIONS, calls: calls * share });
      const ms = performance.now() - began;
      const count = took.length;
      const one = { cpuUs: used() / count, p99Ms: percentile(took, 0.99), eachMs: ms / count };
      found.set(name, [...(found.get(name) ?? []), one]);
    }
  }
  const figures = entries.map(([name]) => {
    const all = found.get(name) ?? [];
    const cpuUs = all.map((one) => one.cpuUs);
    const p99Ms = median(all.map((one) => one.p99Ms));
    return [name, { cpuUs, p99Ms, eachMs: median(all.map((one) => one.eachMs)) }] as const;
  });
  return Object.fromEntries(figures) as Record<Name, Figures>;
}

/** How many times as much `arm` takes as `base`: both felt the same machine in each round. */
export function timesOf(arm: Figures, base: Figures): number[] {
  return arm.cpuUs.map((cpuUs, round) => cpuUs / (base.cpuUs[round] ?? Number.NaN));
}

/** The least of so long: Bun looks for garbage of a process at rest every few seconds, and gives it back later. */
async function settledMb(pid: number): Promise<number> {
  let least = Number.POSITIVE_INFINITY;
  for (const end = performance.now() + SETTLE_MS; performance.now() < end; ) {
    least = Math.min(least, pssMb(pid));
    await Bun.sleep(LOOK_MS);
  }
  return least;
}

/** The MCP service's memory at rest after each half of the work, in MB: the first half brings it to its height. */
export async function measureGrowth(
  { luna }: LunaServed,
  work: () => Promise<unknown>,
): Promise<{ beforeMb: number; afterMb: number }> {
  const pid = await luna.pidOf("mcp");
  await work();
  const beforeMb = await settledMb(pid);
  await work();
  return { beforeMb, afterMb: await settledMb(pid) };
}

export function manyCalls({ modern, session }: LunaServed, calls: number): () => Promise<void> {
  return async () => {
    await load(modern, { connections: CONNECTIONS, calls: calls / 2 });
    await load(session, { connections: CONNECTIONS, calls: calls / 2 });
  };
}

/** Of the sessions every second one is dropped as clients do that say goodbye, the others as those that do not. */
export function manySessions(luna: LunaServed, sessions: number): () => Promise<void> {
  const { port, path } = luna.session;
  const where = { port, path, headers: { Authorization: `Bearer ${luna.key}` } };
  return async () => {
    for (let begun = 0; begun < sessions; begun += CONNECTIONS) {
      const open = Array.from({ length: CONNECTIONS }, async (_, n) => {
        const id = await openSession(where);
        if (n % 2 === 0) await endSession(where, id);
      });
      await Promise.all(open);
    }
  };
}
