/** Tests that what is near is suggested, and what is not is not. */
import { expect, test } from "bun:test";
import { didYouMean } from "./did-you-mean.ts";

const NAMES = ["new", "dev", "check", "remove", "--json"];

test.each([
  ["nwe", "new"],
  ["chekc", "check"],
  ["remvoe", "remove"],
  ["--jsno", "--json"],
])("%s is near %s", (word, meant) => {
  expect(didYouMean(word, NAMES)).toBe(` Did you mean "${meant}"?`);
});

test.each(["", "x", "fly", "absolutely"])("%p is near nothing", (word) => {
  expect(didYouMean(word, NAMES)).toBe("");
  expect(didYouMean(word, [])).toBe("");
});
