/** What MCP calls cost, held in every run of the tests: the best of a few rounds, next to the SDK's example. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { type Budget, judge } from "../bench/budgets.ts";
import { MODERN_COST, THOUSAND_TOOLS } from "../bench/mcp/budgets.ts";
import { measureArms, timesOf } from "../bench/mcp/rounds.ts";
import { startExample, startLunaWith } from "../bench/mcp/subject.ts";

const TOOLS = 1_000;
const BOUNDS = { rounds: 5, calls: 1_000 };
const TIMEOUT_MS = 120_000;

let one: Awaited<ReturnType<typeof startLunaWith>>;
const stops: (() => Promise<void>)[] = [];
beforeAll(async () => {
  one = await startLunaWith(1);
  stops.push(one.stop);
}, TIMEOUT_MS);
afterAll(async () => {
  for (const stop of stops.reverse()) await stop();
});

/** Noise only ever adds: the best attempt is the nearest to the truth. */
function expectKept(budget: Budget, attempts: readonly number[]): void {
  expect(attempts).toHaveLength(BOUNDS.rounds);
  expect(judge(budget, Math.min(...attempts))).toMatchObject({ kept: true });
}

test(
  "a call costs less than with the SDK's own example, and no more with a thousand tools",
  async () => {
    const many = await startLunaWith(TOOLS);
    const example = await startExample();
    stops.push(many.stop, example.stop);
    const arms = {
      one: { call: one.modern, pids: one.pids },
      many: { call: many.modern, pids: many.pids },
      example: { call: example.modern, pids: example.pids },
    };
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    const figures = await measureArms(arms, { ...BOUNDS, signal });
    expectKept(MODERN_COST, timesOf(figures.one, figures.example));
    expectKept(THOUSAND_TOOLS, timesOf(figures.many, figures.one));
  },
  TIMEOUT_MS,
);
