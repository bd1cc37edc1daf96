/** Luna's budgets, held in every run of the tests: the best of a few short rounds, under the benchmark's own limits. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { chatArms, pageArms, streamArms, toolArms } from "../bench/arms.ts";
import {
  type Budget,
  CHAT_ADDED,
  CORE_MEMORY,
  FIRST_TOKEN,
  FLOOD_SLOWS,
  judge,
  READY,
  TOOL_HOST_ADDED,
  VERIFY_ADDED,
} from "../bench/budgets.ts";
import { measureFlood, slowedTimes } from "../bench/flood.ts";
import { measureMemory } from "../bench/memory.ts";
import { type Arm, addedMs, runRounds } from "../bench/rounds.ts";
import { measureStarts } from "../bench/start.ts";
import { prepareTools, type Subject, startSubject } from "../bench/subject.ts";

const STARTS = 3;
const ROUNDS = 5;
const REQUESTS = 20;
/** Of pages, which are quick: what else the machine does must not fall on all of them. */
const PAGE_ROUNDS = 20;
const PAGES = 50;
const FLOODED_PAGES = 100;
const TIMEOUT_MS = 60_000;

let subject: Subject;
beforeAll(async () => {
  subject = await startSubject();
});
afterAll(() => subject.stop());

/** Noise only ever adds: the best attempt is the nearest to the truth. */
function expectKept(budget: Budget, attempts: readonly number[]): void {
  expect(attempts.length).toBeGreaterThan(0);
  expect(judge(budget, Math.min(...attempts))).toMatchObject({ kept: true });
}

const short = (arm: Arm, requests = REQUESTS): Arm => ({ ...arm, requests });
const bounded = (count = ROUNDS) => ({ count, signal: AbortSignal.timeout(TIMEOUT_MS) });

test("a value at or over its limit, or none, keeps no budget", () => {
  expect(judge(READY, READY.limit - 1).kept).toBe(true);
  expect(judge(READY, READY.limit).kept).toBe(false);
  expect(judge(READY, Number.NaN).kept).toBe(false);
});

test(
  "core processes stay within their memory, at the start and at work",
  async () => {
    const started = await measureMemory(subject.luna);
    await prepareTools(subject);
    await chatArms(subject).chatByEdge.call();
    const used = await measureMemory(subject.luna);
    expectKept(CORE_MEMORY, [Math.max(started.coreMb, used.coreMb)]);
  },
  TIMEOUT_MS,
);

test(
  "a warm tool host adds little to a function",
  async () => {
    await prepareTools(subject);
    const { toolInHost, toolInProcess } = toolArms(subject);
    const arms = { host: short(toolInHost), base: short(toolInProcess) };
    const { host, base } = await runRounds(arms, bounded());
    expectKept(TOOL_HOST_ADDED, addedMs(host, base));
  },
  TIMEOUT_MS,
);

test(
  "the agent API adds little to a chat, and forwards the first token at once",
  async () => {
    const { chatByEdge, chatByModel } = chatArms(subject);
    const { tokenByEdge } = streamArms(subject);
    const arms = { chat: short(chatByEdge), base: short(chatByModel), token: short(tokenByEdge) };
    const { chat, base, token } = await runRounds(arms, bounded());
    expectKept(CHAT_ADDED, addedMs(chat, base));
    expectKept(
      FIRST_TOKEN,
      token.rounds.map(({ p50Ms }) => p50Ms),
    );
  },
  TIMEOUT_MS,
);

test(
  "asking auth adds little to a page of the Hub",
  async () => {
    const { pageOfOwner, pageOfAnybody } = pageArms(subject);
    const arms = { owner: short(pageOfOwner, PAGES), anybody: short(pageOfAnybody, PAGES) };
    const { owner, anybody } = await runRounds(arms, bounded(PAGE_ROUNDS));
    expectKept(VERIFY_ADDED, addedMs(owner, anybody));
  },
  TIMEOUT_MS,
);

test(
  "strangers who try to sign in slow nobody down who is signed in",
  async () => {
    const { signal } = bounded();
    const rounds = await measureFlood(subject, { rounds: ROUNDS, requests: FLOODED_PAGES, signal });
    expectKept(FLOOD_SLOWS, slowedTimes(rounds));
  },
  TIMEOUT_MS,
);

test(
  "luna up is ready in time, in a new home and in an old one",
  async () => {
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    const attempts: number[] = [];
    for (let start = 0; start < STARTS; start += 1) {
      const { first, next } = await measureStarts(signal);
      attempts.push(Math.max(first.readyMs, next.readyMs));
    }
    expectKept(READY, attempts);
  },
  TIMEOUT_MS,
);
