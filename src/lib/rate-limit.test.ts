/** The limiter on a clock of its own, against what the algorithm promises. */
import { expect, test } from "bun:test";
import { type Rate, RateLimiter } from "./rate-limit.ts";

const RATE: Rate = { burst: 3, intervalMs: 100 };

function limiterAt(now: number, namesMax = 10) {
  const time = { now };
  return { time, limiter: new RateLimiter({ clock: () => time.now, namesMax }) };
}

test("a burst passes, then one for each interval", () => {
  const { time, limiter } = limiterAt(5_000);
  expect(limiter.take("a", RATE)).toEqual({ waitMs: 0, remaining: 2, nextMs: 100 });
  expect(limiter.take("a", RATE)).toEqual({ waitMs: 0, remaining: 1, nextMs: 100 });
  time.now += 40;
  expect(limiter.take("a", RATE)).toEqual({ waitMs: 0, remaining: 0, nextMs: 60 });
  expect(limiter.take("a", RATE)).toEqual({ waitMs: 60, remaining: 0, nextMs: 60 });
  expect(limiter.waitMs("a", RATE)).toBe(60);
  time.now += 59;
  expect(limiter.take("a", RATE).waitMs).toBe(1);
  time.now += 1;
  expect(limiter.take("a", RATE).waitMs).toBe(0);
  expect(limiter.take("a", RATE).waitMs).toBe(100);
  time.now += 10_000;
  expect(limiter.take("a", RATE).remaining).toBe(2);
});

test("over any stretch of time no more passes than the burst and what came back", () => {
  const { time, limiter } = limiterAt(0);
  let passed = 0;
  const stretchMs = 10_000;
  for (; time.now < stretchMs; time.now += 7) {
    if (limiter.take("a", RATE).waitMs === 0) passed += 1;
  }
  expect(passed).toBeLessThanOrEqual(RATE.burst + stretchMs / RATE.intervalMs);
  expect(passed).toBeGreaterThanOrEqual(RATE.burst + stretchMs / RATE.intervalMs - 2);
});

test("one does not take from another, and what is given back can be taken again", () => {
  const { limiter } = limiterAt(0);
  for (let i = 0; i < RATE.burst; i += 1) limiter.take("a", RATE);
  expect(limiter.take("a", RATE).waitMs).toBeGreaterThan(0);
  expect(limiter.take("b", RATE).waitMs).toBe(0);
  limiter.giveBack("a", RATE);
  limiter.giveBack("nobody", RATE);
  expect(limiter.take("a", RATE).waitMs).toBe(0);
  expect(limiter.take("a", RATE).waitMs).toBeGreaterThan(0);
});

test("a clock that is set back, or a rate that is lowered, costs a burst at most", () => {
  const { time, limiter } = limiterAt(1_000_000);
  limiter.take("a", { burst: 10, intervalMs: 60_000 });
  time.now = 0;
  expect(limiter.waitMs("a", RATE)).toBe(RATE.intervalMs);
  time.now = RATE.intervalMs;
  expect(limiter.waitMs("a", RATE)).toBe(0);
});

test("only so many are remembered, the latest", () => {
  const { limiter } = limiterAt(0, 2);
  const once: Rate = { burst: 1, intervalMs: 100 };
  for (const name of ["a", "b", "c"]) limiter.take(name, once);
  expect(limiter.waitMs("a", once)).toBe(0);
  expect(limiter.waitMs("b", once)).toBe(100);
  expect(limiter.waitMs("c", once)).toBe(100);
});

test("several are taken together or not at all", () => {
  const clock = { now: 0 };
  const limiter = new RateLimiter({ clock: () => clock.now, namesMax: 10 });
  const rate = { burst: 3, intervalMs: 100 };
  expect(limiter.take("a", rate, 2)).toEqual({ waitMs: 0, remaining: 1, nextMs: 100 });
  expect(limiter.take("a", rate, 2)).toMatchObject({ waitMs: 100, remaining: 1 });
  clock.now = 100;
  expect(limiter.take("a", rate, 2)).toMatchObject({ waitMs: 0, remaining: 0 });
});
