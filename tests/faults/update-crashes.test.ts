/** A run of changes is killed before system calls of every kind: what is left is old or new, and the run says which. */
import { expect, test } from "bun:test";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { POCKET } from "../support/versions.ts";
import { faultsOf, KINDS, type Kind, prepare, runWithFault } from "./update-scenario.ts";

const TIMEOUT_MS = 600_000;
/** By these trees and durable files change, each before it is done. */
const CALLS = ["renameat2", "rename", "fdatasync", "fsync", "unlink", "unlinkat"] as const;
/** Threads count for themselves: when so many numbers in a row hit nothing, there are no more. */
const MISSES_MAX = 2;
/** Beyond this, a call is one of many of its kind. */
const COUNT_MAX = 8;
const LANES = 2;
const POINTS_MIN = 60;

const states = new Map<string, number>();
let points = 0;

/** Runs it for the first, the second … call of a kind, until there are no more. */
async function sweep(kind: Kind, call: string): Promise<string[]> {
  const faults: string[] = [];
  for (let when = 1, misses = 0; when <= COUNT_MAX && misses < MISSES_MAX; when += 1) {
    const inject = `${call}:signal=KILL:when=${when}`;
    try {
      const { met, state } = await runWithFault(kind, { inject, calls: [call] });
      misses = met ? 0 : misses + 1;
      if (!met) continue;
      points += 1;
      states.set(state, (states.get(state) ?? 0) + 1);
    } catch (error) {
      faults.push(`${inject}: ${String(error)}`);
    }
  }
  return faults;
}

async function sweepAll(kind: Kind): Promise<string[]> {
  const left: string[] = [...CALLS];
  const lane = async (): Promise<string[]> => {
    const faults: string[] = [];
    for (let call = left.shift(); call !== undefined; call = left.shift()) {
      faults.push(...(await sweep(kind, call)));
    }
    return faults;
  };
  return (await Promise.all(Array.from({ length: LANES }, lane))).flat();
}

test.each(KINDS)(
  "fault 4: %s, killed before any of the calls by which things change",
  async (kind) => {
    expect((await runWithFault(kind, undefined)).state).toBe("done");
    expect(await sweepAll(kind)).toEqual([]);
  },
  TIMEOUT_MS,
);

test(`fault 4: there were at least ${POINTS_MIN} of these points`, () => {
  process.stderr.write(`${points} points of runs: ${JSON.stringify([...states])}\n`);
  expect(points).toBeGreaterThanOrEqual(POINTS_MIN);
  expect(states.get("done")).toBeGreaterThan(0);
});

test("a tree that is neither is seen", async () => {
  const home = await mkdtemp(join(tmpdir(), "luna-seen-"));
  await prepare(home, "update");
  expect(await faultsOf(home, "update", undefined)).toEqual([]);
  await writeFile(join(home, "extensions", POCKET, "half.txt"), "");
  expect(await faultsOf(home, "update", undefined)).not.toEqual([]);
  await rm(home, { recursive: true });
});
