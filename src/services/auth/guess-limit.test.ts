/** Tests of the limit on guesses of a passphrase. */
import { expect, test } from "bun:test";
import { TooManyError } from "../../lib/errors.ts";
import { GuessLimit } from "./guess-limit.ts";

const BURST = 20;

test("a guess that could not be checked is given back, and its failure is told", async () => {
  const limit = new GuessLimit(() => 0);
  const broken = () => Promise.reject(new Error("the database is down"));
  for (let i = 0; i < BURST * 2; i += 1) {
    await expect(limit.make("a", broken)).rejects.toThrow("the database is down");
  }
  expect(await limit.make("a", async () => true)).toBe(true);
});

test("wrong guesses count for who made them, right ones do not", async () => {
  const limit = new GuessLimit(() => 0);
  for (let i = 0; i < BURST; i += 1) {
    expect(await limit.make("a", async () => true)).toBe(true);
    expect(await limit.make("a", async () => false)).toBe(false);
  }
  await expect(limit.make("a", async () => true)).rejects.toBeInstanceOf(TooManyError);
  expect(await limit.make("b", async () => true)).toBe(true);
});
