/** Tests of the back-off. */
import { expect, test } from "bun:test";
import { restartDelay } from "./restart-delay.ts";

test.each([
  [1, 200],
  [2, 400],
  [5, 3_200],
  [9, 30_000],
  [1_000, 30_000],
])("failure %i waits %i ms without jitter", (failures, delay) => {
  expect(restartDelay(failures, 0)).toBe(delay);
});

test("jitter takes away half at most", () => {
  expect(restartDelay(3, 1)).toBe(400);
});
