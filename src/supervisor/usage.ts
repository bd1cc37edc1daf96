/** What each process takes of processor and memory, with all that it started: measured only when somebody asks. */
import { allProcesses, memoryOf, type ProcessStat, statOf, uptimeSeconds } from "../lib/proc.ts";

/** More often than this the last figures are given again. */
const PERIOD_MS = 1_000;
/** After a longer pause the average since the last question would tell nothing of now. */
const PAUSE_MS_MAX = 60_000;
const TICKS_PER_SECOND = 100;

export interface Usage {
  /** Of one core, over the time since the last question, or since its start at the first one. */
  cpu_percent: number;
  memory_bytes: number;
}

/** Where the figures come from; tests have their own. */
export interface UsageSource {
  now(): number;
  uptimeSeconds(): number;
  statOf(pid: number): ProcessStat | undefined;
  allProcesses(): ProcessStat[];
  memoryOf(pid: number): number | undefined;
}

const MACHINE: UsageSource = {
  now: () => performance.now(),
  ...{ uptimeSeconds, statOf, allProcesses, memoryOf },
};

interface Sample {
  at: number;
  start_ticks: number;
  cpu_ticks: number;
  usage: Usage;
}

/** `leader` and all of its session; a leader that leads none stands for itself alone. */
function membersOf(leader: ProcessStat, processes: readonly ProcessStat[]): ProcessStat[] {
  if (leader.session !== leader.pid) return [leader];
  return processes.filter(({ session }) => session === leader.pid);
}

export class UsageMeter {
  readonly #source: UsageSource;
  #samples = new Map<number, Sample>();

  constructor(source: UsageSource = MACHINE) {
    this.#source = source;
  }

  /** The usage of each of `pids` that lives, by pid. */
  read(pids: readonly number[]): ReadonlyMap<number, Usage> {
    const now = this.#source.now();
    let processes: ProcessStat[] | undefined;
    const samples = new Map<number, Sample>();
    for (const pid of pids) {
      const leader = this.#source.statOf(pid);
      if (leader?.alive !== true) continue;
      const known = this.#samples.get(pid);
      const before = known?.start_ticks === leader.start_ticks ? known : undefined;
      if (before !== undefined && now - before.at < PERIOD_MS) {
        samples.set(pid, before);
        continue;
      }
      processes ??= this.#source.allProcesses();
      samples.set(pid, this.#sample(leader, { now, before, processes }));
    }
    this.#samples = samples;
    return new Map([...samples].map(([pid, { usage }]) => [pid, usage]));
  }

  #sample(
    leader: ProcessStat,
    context: { now: number; before: Sample | undefined; processes: readonly ProcessStat[] },
  ): Sample {
    const { now, before, processes } = context;
    const members = membersOf(leader, processes);
    const cpu_ticks = members.reduce((sum, member) => sum + member.cpu_ticks, 0);
    const isRecent = before !== undefined && now - before.at <= PAUSE_MS_MAX;
    const seconds = isRecent
      ? (now - before.at) / 1000
      : this.#source.uptimeSeconds() - leader.start_ticks / TICKS_PER_SECOND;
    // A member that ended without its parent's waiting takes its time along.
    const ticks = Math.max(0, cpu_ticks - (isRecent ? before.cpu_ticks : 0));
    const percent = seconds > 0 ? (100 * ticks) / TICKS_PER_SECOND / seconds : 0;
    return {
      at: now,
      start_ticks: leader.start_ticks,
      cpu_ticks,
      usage: {
        cpu_percent: Math.round(percent * 10) / 10,
        memory_bytes: members.reduce(
          (sum, member) => sum + (this.#source.memoryOf(member.pid) ?? 0),
          0,
        ),
      },
    };
  }
}
