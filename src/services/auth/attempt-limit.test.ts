/** Tests of the limit on attempts to sign in. */
import { expect, test } from "bun:test";
import { AttemptLimit } from "./attempt-limit.ts";

function limitAt(start: number) {
  const time = { now: start };
  return { time, limit: new AttemptLimit(() => time.now) };
}

/** How many attempts pass before the limit says to wait. */
function exhaust(limit: AttemptLimit, address: (attempt: number) => string): number {
  const MANY = 1000;
  for (let attempt = 0; attempt < MANY; attempt += 1) {
    if (limit.take(address(attempt)) > 0) return attempt;
  }
  return MANY;
}

test("an address has ten attempts, and a new one every six seconds", () => {
  const { time, limit } = limitAt(1_800_000_000_000);
  expect(exhaust(limit, () => "a")).toBe(10);
  expect(limit.take("a")).toBe(6000);
  time.now += 5999;
  expect(limit.take("a")).toBe(1);
  time.now += 1;
  expect(limit.take("a")).toBe(0);
  expect(limit.take("a")).toBe(6000);
  time.now += 60_000;
  expect(exhaust(limit, () => "a")).toBe(10);
});

test("a refused attempt costs nothing, and another address is not touched", () => {
  const { limit } = limitAt(0);
  exhaust(limit, () => "a");
  for (let i = 0; i < 100; i += 1) expect(limit.take("a")).toBe(6000);
  expect(limit.take("b")).toBe(0);
});

test("all addresses together are limited, and recover quickly", () => {
  const { time, limit } = limitAt(0);
  expect(exhaust(limit, (attempt) => `address ${attempt}`)).toBe(200);
  expect(limit.take("another")).toBe(50);
  time.now += 50;
  expect(limit.take("another")).toBe(0);
});

test("a good attempt is given back", () => {
  const { limit } = limitAt(0);
  for (let i = 0; i < 1000; i += 1) {
    expect(limit.take("a")).toBe(0);
    limit.giveBack("a");
  }
});

test("memory is bounded: the address that was quiet longest is forgotten", () => {
  const { time, limit } = limitAt(0);
  exhaust(limit, () => "first");
  exhaust(limit, () => "second");
  const others = (count: number): void => {
    for (let i = 0; i < count; i += 1) {
      // Fast enough to be within the addresses' own memory, slow enough for the overall limit.
      time.now += 0.1;
      limit.take(`address ${i}`);
      limit.giveBack(`address ${i}`);
    }
  };
  others(9998);
  expect(limit.take("first")).toBeGreaterThan(0);
  others(9999);
  expect(limit.take("first")).toBe(0);
});
