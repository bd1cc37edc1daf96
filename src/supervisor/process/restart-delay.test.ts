/** Tests of the back-off. */
import { expect, test } from "bun:test";
import { restartDelay } from "./restart-delay.ts";

for (const [failures, delay] of [
  [1, 0],
  [2, 200],
  [3, 400],
  [6, 3_200],
  [10, 30_000],
  [1_000, 30_000],
] as const) {
  test(`failure ${failures} waits ${delay} ms without jitter`, () => {
    expect(restartDelay(failures, 0)).toBe(delay);
  });
}

test("jitter takes away half at most", () => {
  expect(restartDelay(4, 1)).toBe(400);
});
