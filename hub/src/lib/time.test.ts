/** How long and when, in words. */
import { expect, test } from "bun:test";
import { durationText, momentText } from "./time.ts";

test.each([
  [-5, "0 s"],
  [999, "0 s"],
  [59_999, "59 s"],
  [60_000, "1 min"],
  [3_600_000, "1 h"],
  [11_100_000, "3 h 5 min"],
  [86_400_000, "1 d"],
  [273_600_000, "3 d 4 h"],
])("%d ms is %p", (milliseconds, text) => {
  expect(durationText(milliseconds)).toBe(text);
});

test("a moment of today needs no date", () => {
  const now = new Date(2026, 10, 22, 18, 0).getTime();
  expect(momentText(new Date(2026, 10, 22, 9, 5).getTime(), now)).toBe("09:05");
  expect(momentText(new Date(2026, 10, 21, 18, 0).getTime(), now)).toBe("21 Nov, 18:00");
});
