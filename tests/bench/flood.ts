/** Strangers who try to sign in, thousands of times a second, and what that does to somebody who is signed in. */
import { resolve } from "node:path";
import { z } from "zod";
import { generateSecret } from "../../src/lib/secret.ts";
import { until } from "../support/until.ts";
import { pageArms } from "./arms.ts";
import { median, percentile } from "./measure.ts";
import { postText, RawConnection } from "./raw-connection.ts";
import type { Subject } from "./subject.ts";

const ATTEMPTS_PER_SECOND = 2_000;
/** Fewer were no flood, and nothing was measured. */
const ATTEMPTS_PER_SECOND_MIN = 1_500;
/** What the strangers leave unanswered at most, before they wait. */
const UNDER_WAY_MAX = 32;
const TICK_MS = 5;
const FLOOD_MS_MAX = 30_000;
const WARM_UP_MS = 1_500;
const BEGUN = "begun\n";

const Told = z.object({ answered: z.int(), refused: z.int(), failed: z.int(), ms: z.number() });
type Told = z.infer<typeof Told>;

/** The child's side: attempts at an even pace until its input ends, then what became of them. */
export async function floodUntilParentEnds(port: number): Promise<never> {
  const told: Told = { answered: 0, refused: 0, failed: 0, ms: 0 };
  let begun = 0;
  const free = await Promise.all(
    Array.from({ length: UNDER_WAY_MAX }, () => RawConnection.open(port)),
  );
  const attempt = async (connection: RawConnection, path: string, body: object): Promise<void> => {
    const request = { port, path, headers: {}, body: JSON.stringify(body) };
    try {
      const answer = await connection.ask(postText(request));
      told.answered += 1;
      if (/^HTTP\/1.1 (401|429) /.test(answer)) told.refused += 1;
      free.push(connection);
    } catch {
      told.failed += 1;
    }
  };
  const began = performance.now();
  const ticking = setInterval(() => {
    told.ms = performance.now() - began;
    if (told.ms > FLOOD_MS_MAX) process.exit(1);
    const due = Math.floor((told.ms / 1_000) * ATTEMPTS_PER_SECOND) - begun;
    for (let n = 0; n < due; n += 1) {
      const connection = free.pop();
      if (connection === undefined) break;
      begun += 1;
      const isLink = begun % 2 === 0;
      void (isLink
        ? attempt(connection, "/auth/link", { token: generateSecret() })
        : attempt(connection, "/auth/passphrase", { passphrase: `not the owner's ${begun}` }));
    }
  }, TICK_MS);
  await Bun.write(Bun.stdout, BEGUN);
  await Bun.stdin.text();
  clearInterval(ticking);
  await Bun.write(Bun.stdout, JSON.stringify(told));
  process.exit(0);
}

/** The parent's side, once the child has begun; `stop` tells what became of the attempts. */
async function startFlood(port: number): Promise<{ stop(): Promise<Told> }> {
  const program = resolve(import.meta.dir, "main.ts");
  const child = Bun.spawn([process.execPath, program, "flood", String(port)], {
    stdin: "pipe",
    stdout: "pipe",
    stderr: "inherit",
  });
  let told = "";
  const gathering = (async () => {
    for await (const piece of child.stdout) told += Buffer.from(piece).toString();
  })();
  await until(() => told.startsWith(BEGUN), { what: "the flood to begin" });
  await Bun.sleep(WARM_UP_MS);
  return {
    stop: async () => {
      await child.stdin.end();
      await gathering;
      return Told.parse(JSON.parse(told.slice(BEGUN.length)));
    },
  };
}

interface FloodRound {
  quietMs: number;
  floodedMs: number;
  /** How many times as long. */
  ratio: number;
  attemptsPerSecond: number;
}

async function p50Ms(call: () => Promise<number>, requests: number): Promise<number> {
  const ms: number[] = [];
  for (let request = 0; request < requests; request += 1) ms.push(await call());
  return percentile(ms, 0.5);
}

interface FloodOptions {
  rounds: number;
  requests: number;
  signal: AbortSignal;
}

/** Rounds of the owner's requests, each without and with the flood. */
export async function measureFlood(
  subject: Subject,
  { rounds, requests, signal }: FloodOptions,
): Promise<FloodRound[]> {
  const { call } = pageArms(subject).pageOfOwner;
  const measured: FloodRound[] = [];
  await p50Ms(call, requests);
  for (let round = 0; round < rounds; round += 1) {
    signal.throwIfAborted();
    const quietMs = await p50Ms(call, requests);
    const flood = await startFlood(Number(new URL(subject.luna.url).port));
    const floodedMs = await p50Ms(call, requests);
    const { answered, refused, failed, ms } = await flood.stop();
    if (failed > 0 || refused < answered) {
      throw new Error(`Of ${answered} attempts ${answered - refused} got in, ${failed} failed`);
    }
    const attemptsPerSecond = (answered / ms) * 1_000;
    measured.push({ quietMs, floodedMs, ratio: floodedMs / quietMs, attemptsPerSecond });
  }
  return measured;
}

/** @throws Error when the flood was none */
export function slowedTimes(rounds: readonly FloodRound[]): number[] {
  const full = rounds.filter((round) => round.attemptsPerSecond >= ATTEMPTS_PER_SECOND_MIN);
  if (full.length === 0) {
    const most = Math.max(...rounds.map((round) => round.attemptsPerSecond)).toFixed(0);
    throw new Error(
      `Nobody was slowed by ${ATTEMPTS_PER_SECOND} attempts a second: ${most} were made at most`,
    );
  }
  return full.map(({ ratio }) => ratio);
}

export function floodSummary(rounds: readonly FloodRound[]): string {
  const of = (name: keyof FloodRound): number => median(rounds.map((round) => round[name]));
  return (
    `\nA page of the owner, p50: ${of("quietMs").toFixed(3)} ms; with ` +
    `${of("attemptsPerSecond").toFixed(0)} attempts a second to sign in ${of("floodedMs").toFixed(3)} ms`
  );
}
