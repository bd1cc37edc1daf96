/** Tests of hashing: its parameters, its turns, and that nobody waits for it who need not. */
import { expect, test } from "bun:test";
import { NOBODYS_HASH, PassphraseHash } from "./passphrase-hash.ts";

const PARAMETERS = /^\$argon2id\$v=19\$m=19456,t=2,p=1\$/;

test("what is kept is argon2id with the same parameters as nobody's", async () => {
  const hash = new PassphraseHash();
  const kept = await hash.hash("seven quiet moons");
  expect(kept).toMatch(PARAMETERS);
  expect(NOBODYS_HASH).toMatch(PARAMETERS);
  expect(await hash.hash("seven quiet moons")).not.toBe(kept);
  expect(await hash.matches("seven quiet moons", kept)).toBe(true);
  expect(await hash.matches("seven quiet suns", kept)).toBe(false);
  expect(await hash.matches("seven quiet moons", NOBODYS_HASH)).toBe(false);
});

test("they run one after another, and beyond a queue they are refused at once", async () => {
  const hash = new PassphraseHash();
  const ended: number[] = [];
  const running = Array.from({ length: 21 }, async (_, i) => {
    await hash.matches("wrong", NOBODYS_HASH);
    ended.push(i);
  });
  await expect(hash.matches("wrong", NOBODYS_HASH)).rejects.toThrow(
    "too many are being checked; try again in 1 s",
  );
  await Promise.all(running);
  expect(ended).toEqual(Array.from({ length: 21 }, (_, i) => i));
  expect(await hash.matches("wrong", NOBODYS_HASH)).toBe(false);
});

test("a hash that cannot be read gives its place back", async () => {
  const hash = new PassphraseHash();
  await expect(hash.matches("x", "no hash")).rejects.toThrow();
  expect(await hash.matches("wrong", NOBODYS_HASH)).toBe(false);
});

test("the process goes on while it hashes", async () => {
  const hash = new PassphraseHash();
  let turns = 0;
  const timer = setInterval(() => {
    turns += 1;
  }, 1);
  for (let i = 0; i < 5; i += 1) await hash.matches("wrong", NOBODYS_HASH);
  clearInterval(timer);
  // On the main thread there would be one turn between two hashes at most.
  expect(turns).toBeGreaterThan(10);
});
