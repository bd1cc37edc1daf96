/** What the kernel knows of processes: processor time to the nanosecond and memory shared fairly (proc(5)). */
import { readdirSync, readFileSync } from "node:fs";

const NS_PER_US = 1_000;
const BYTES_PER_KIB = 1_024;
const BYTES_PER_MB = 1_000_000;

/** Nanoseconds that each thread has run so far, by `pid/thread`. */
type ThreadTimes = ReadonlyMap<string, number>;

/** The threads of `pids`; those that end while we look are left out. */
function threadTimes(pids: readonly number[]): ThreadTimes {
  const times = new Map<string, number>();
  for (const pid of pids) {
    for (const thread of namesIn(`/proc/${pid}/task`)) {
      const text = textOf(`/proc/${pid}/task/${thread}/schedstat`);
      if (text !== undefined) times.set(`${pid}/${thread}`, Number(text.split(" ")[0]));
    }
  }
  return times;
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return []; // The process has ended.
  }
}

function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return undefined; // The process or thread has ended.
  }
}

/**
 * Starts to count the processor time of processes.
 * @returns what they have used since, in microseconds; threads that began meanwhile count in full
 */
export function cpuMeter(pids: readonly number[]): () => number {
  const before = threadTimes(pids);
  return () => {
    let used = 0;
    for (const [thread, ns] of threadTimes(pids)) used += ns - (before.get(thread) ?? 0);
    return used / NS_PER_US;
  };
}

/** Proportional set size in MB (10^6 bytes): a page that n processes share counts 1/n for each. */
export function pssMb(pid: number): number {
  const rollup = textOf(`/proc/${pid}/smaps_rollup`) ?? "";
  return (Number(/^Pss:\s+(\d+) kB$/m.exec(rollup)?.[1] ?? 0) * BYTES_PER_KIB) / BYTES_PER_MB;
}

/** The value below which `share` (0 to 1) of the values lie: the nearest rank. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  const rank = Math.max(1, Math.ceil(share * sorted.length));
  return sorted[rank - 1] ?? Number.NaN;
}

export function median(values: readonly number[]): number {
  return percentile(values, 0.5);
}
