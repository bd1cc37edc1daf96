/** Tests that what repeats with one period does so at one time, and ends. */
import { expect, test } from "bun:test";
import { repeatInStep, untilNextStep } from "./in-step.ts";

const PERIOD_MS = 40;
const TIMES = 3;

/** Settles when a repetition of its own was called so often. */
function steps(count: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  let left = count;
  const end = repeatInStep(() => {
    left -= 1;
    if (left > 0) return;
    end();
    resolve();
  }, PERIOD_MS);
  return promise;
}

test("what began at different times is called at the same ones, until it ends", async () => {
  const calls: { who: string; step: number }[] = [];
  const begin = (who: string) =>
    repeatInStep(() => {
      calls.push({ who, step: Math.round(performance.now() / PERIOD_MS) });
    }, PERIOD_MS);
  const ends = [begin("first")];
  await steps(1);
  ends.push(begin("second"));
  await steps(TIMES);
  for (const end of ends) end();
  const told = calls.length;
  const of = (who: string) => calls.filter((call) => call.who === who).map(({ step }) => step);
  // The end may come between the two.
  const together = of("second").slice(0, -1);
  expect(together.length).toBeGreaterThanOrEqual(TIMES - 2);
  expect(of("first")).toEqual(expect.arrayContaining(together));
  await steps(2);
  expect(calls.length).toBe(told);
});

test("a timer that was a little early does not come again at once", () => {
  for (let at = 0; at < 1_000; at += 1) {
    const left = untilNextStep(PERIOD_MS);
    expect(left).toBeGreaterThanOrEqual(1);
    expect(left).toBeLessThan(PERIOD_MS + 1);
  }
});
