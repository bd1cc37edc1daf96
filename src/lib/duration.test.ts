/** Durations as people write them. */
import { expect, test } from "bun:test";
import { parseDuration } from "./duration.ts";

test.each([
  ["30s", 30_000],
  [" 15 m ", 900_000],
  ["24h", 86_400_000],
  ["90d", 7_776_000_000],
  ["0s", 0],
  ["30", undefined],
  ["-1h", undefined],
  ["1.5h", undefined],
  ["1h30m", undefined],
  ["", undefined],
])("%p is %p ms", (text, ms) => {
  expect(parseDuration(text)).toBe(ms);
});
