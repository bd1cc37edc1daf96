/** Tests of what is done about a service that is not well. */
import { expect, test } from "bun:test";
import {
  BAD_LOOKS_MIN,
  decide,
  type Look,
  lookFrom,
  STARTS_MAX,
  startDelay,
  statusOf,
  UNWATCHED,
  type Watch,
} from "./health.ts";

const PERIOD_MS = 30_000;
const ILL: Look = { kind: "ill", why: "" };
const FAILED: Look = { kind: "failed", why: "" };
const WELL: Look = { kind: "well" };
const BLOCKED: Look = { kind: "blocked", why: "" };
const WANTED = { should_run: true, restart_on_failure: true };

/** Looks whenever it should, for so long; tells when it was started. */
function live(lookAt: (now: number, starts: number) => Look, forMs: number, wanted = WANTED) {
  let watch: Watch = UNWATCHED;
  const starts: number[] = [];
  for (let now = 0; now < forMs; ) {
    const moment = { now, random: 0, period_ms: PERIOD_MS };
    const decision = decide(watch, lookAt(now, starts.length), wanted, moment);
    watch = decision.watch;
    if (decision.start) starts.push(now);
    expect(decision.next_look_ms).toBeGreaterThan(0);
    expect(decision.next_look_ms).toBeLessThanOrEqual(PERIOD_MS);
    now += decision.next_look_ms;
  }
  return { starts, watch };
}

const HOUR_MS = 3_600_000;

test("a service that is well is left alone", () => {
  expect(live(() => WELL, HOUR_MS).starts).toEqual([]);
});

test("one bad look is an accident; a service that stays down is started within seconds", () => {
  expect(live((now) => (now === 60_000 ? ILL : WELL), HOUR_MS).starts).toEqual([]);
  const { starts } = live((now, count) => (now < 60_000 || count > 0 ? WELL : FAILED), HOUR_MS);
  expect(starts).toEqual([62_000]);
});

test("starts in vain come further and further apart, and end", () => {
  const { starts, watch } = live(() => FAILED, HOUR_MS);
  expect(starts).toHaveLength(STARTS_MAX);
  const gaps = starts.slice(1).map((at, index) => at - (starts[index] ?? 0));
  for (const [index, gap] of gaps.slice(1).entries()) expect(gap).toBeGreaterThan(gaps[index] ?? 0);
  expect(watch.given_up).toBe(true);
});

test("one that flaps is given up, too; a long good stretch wipes what was", () => {
  // Well at the first look after each start, and then down again.
  let last = 0;
  const flapping = live((_now, count) => {
    if (count === last) return FAILED;
    last = count;
    return WELL;
  }, HOUR_MS);
  expect(flapping.watch.given_up).toBe(true);
  const rare = live((now) => (now % 900_000 < 40_000 ? FAILED : WELL), 24 * HOUR_MS);
  expect(rare.starts.length).toBeGreaterThan(50);
  expect(rare.watch.given_up).toBe(false);
});

test("one that was given up and is well again is watched as before", () => {
  const { watch } = live((now) => (now < HOUR_MS ? FAILED : WELL), 2 * HOUR_MS);
  expect(watch).toMatchObject({ given_up: false, failures: 0 });
});

test.each([
  ["nobody wants it to run", { should_run: false, restart_on_failure: true }, FAILED],
  ["it says that it is not to be", { should_run: true, restart_on_failure: false }, FAILED],
  ["Docker is not there", WANTED, BLOCKED],
])("nothing is started when %s", (_, wanted, look) => {
  const { starts, watch } = live(() => look, HOUR_MS, wanted);
  expect(starts).toEqual([]);
  expect(watch.given_up).toBe(false);
});

test("delays double from 2 s to 5 minutes, half of them at random", () => {
  const delay = (failures: number, random: number) =>
    startDelay(failures, { now: 0, random, period_ms: PERIOD_MS });
  expect([1, 2, 3, 4].map((failures) => delay(failures, 0))).toEqual([0, 2_000, 4_000, 8_000]);
  expect(delay(3, 1)).toBe(2_000);
  expect(delay(50, 0)).toBe(300_000);
  expect(BAD_LOOKS_MIN).toBe(2);
});

test("what the end of a health check means", () => {
  const exit = (code: number, said: string) => lookFrom({ how: "exit", code, said }, "true");
  expect(exit(0, "it is true\n")).toEqual(WELL);
  expect(exit(0, "false")).toMatchObject({ kind: "ill", why: expect.stringContaining('"false"') });
  expect(exit(1, "true")).toMatchObject({
    kind: "failed",
    why: expect.stringContaining("exit code 1: true"),
  });
  expect(lookFrom({ how: "timeout", after_ms: 10_000, said: "" }, "")).toMatchObject({
    kind: "failed",
    why: expect.stringContaining("no end within 10 s"),
  });
});

test("the word for each", () => {
  expect([WELL, ILL, FAILED, BLOCKED].map((look) => statusOf(look, true))).toEqual([
    "running",
    "unhealthy",
    "unknown",
    "unknown",
  ]);
  expect([WELL, ILL, FAILED, BLOCKED].map((look) => statusOf(look, false))).toEqual([
    "running",
    "stopped",
    "stopped",
    "unknown",
  ]);
});
