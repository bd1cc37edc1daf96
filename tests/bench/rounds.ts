/** Runs arms in turn, round after round, so that whatever else the machine does falls on all of them alike. */
import { cpuMeter, median, percentile } from "./measure.ts";

/** One way to do one thing. */
export interface Arm {
  name: string;
  /** Requests of one round. */
  requests: number;
  /** The processes whose time counts: all that the request may reach, never the load generator's own. */
  pids(): readonly number[];
  /** Does it once; resolves to the milliseconds that count. */
  call(): Promise<number>;
}

/** One round of one arm. */
interface Round {
  cpuUs: number;
  p50Ms: number;
  p99Ms: number;
}

/** What the rounds of one arm came to. */
export interface Figures {
  rounds: readonly Round[];
  /** Processor time of one request, in microseconds: median of the rounds. */
  cpuUs: number;
  p50Ms: number;
  p99Ms: number;
}

/** The first requests pay for compilation and connections. */
const WARM_UP_ROUNDS = 1;

async function runRound(arm: Arm): Promise<Round> {
  const used = cpuMeter(arm.pids());
  const ms: number[] = [];
  for (let request = 0; request < arm.requests; request += 1) ms.push(await arm.call());
  return {
    cpuUs: used() / arm.requests,
    p50Ms: percentile(ms, 0.5),
    p99Ms: percentile(ms, 0.99),
  };
}

function figuresOf(rounds: readonly Round[]): Figures {
  return {
    rounds,
    cpuUs: median(rounds.map((round) => round.cpuUs)),
    p50Ms: median(rounds.map((round) => round.p50Ms)),
    p99Ms: median(rounds.map((round) => round.p99Ms)),
  };
}

interface RoundsOptions {
  count: number;
  /** Ends the run between two rounds of arms. */
  signal: AbortSignal;
}

/** Runs rounds of every arm, one request at a time; every second round runs the arms backwards. */
export async function runRounds<Name extends string>(
  arms: Readonly<Record<Name, Arm>>,
  { count, signal }: RoundsOptions,
): Promise<Record<Name, Figures>> {
  const entries = Object.entries<Arm>(arms);
  const rounds = new Map<string, Round[]>(entries.map(([name]) => [name, []]));
  for (let round = -WARM_UP_ROUNDS; round < count; round += 1) {
    const order = round % 2 === 0 ? entries : entries.toReversed();
    for (const [name, arm] of order) {
      signal.throwIfAborted();
      const figures = await runRound(arm);
      if (round >= 0) rounds.get(name)?.push(figures);
    }
  }
  const figures = entries.map(([name]) => [name, figuresOf(rounds.get(name) ?? [])] as const);
  return Object.fromEntries(figures) as Record<Name, Figures>;
}

/** What `arm` takes longer than `base` at p50, round by round: both felt the same machine. */
export function addedMs(arm: Figures, base: Figures): number[] {
  return arm.rounds.map((round, index) => round.p50Ms - (base.rounds[index]?.p50Ms ?? Number.NaN));
}
