/** Tests of how long a session that was found is believed. */
import { expect, test } from "bun:test";
import { FOUND_LIFETIME_MS, FoundSessions } from "./found-sessions.ts";

function setUp() {
  const time = { now: 1_000_000 };
  const found = new FoundSessions<string>(() => time.now);
  let row: string | undefined = "first";
  let reads = 0;
  const read = async () => {
    reads += 1;
    return row;
  };
  return {
    time,
    found,
    find: (hash = "a") => found.find(hash, read),
    set: (value: string | undefined) => {
      row = value;
    },
    reads: () => reads,
  };
}

test("a row is read once a second, each for itself", async () => {
  const { find, set, reads, time } = setUp();
  expect(await find()).toBe("first");
  set("second");
  time.now += FOUND_LIFETIME_MS - 1;
  expect(await find()).toBe("first");
  expect(await find("b")).toBe("second");
  expect(reads()).toBe(2);
  time.now += 1;
  expect(await find()).toBe("second");
  expect(reads()).toBe(3);
});

test("what another process has removed is gone after a second", async () => {
  const { find, set, time } = setUp();
  await find();
  set(undefined);
  time.now += FOUND_LIFETIME_MS;
  expect(await find()).toBeUndefined();
});

test("what is not there is not believed at all", async () => {
  const { find, set } = setUp();
  set(undefined);
  expect(await find()).toBeUndefined();
  set("now");
  expect(await find()).toBe("now");
});

test("a change of our own counts at once, for every row", async () => {
  const { find, set, found } = setUp();
  await find();
  await find("b");
  set(undefined);
  found.forget();
  expect(await find()).toBeUndefined();
  expect(await find("b")).toBeUndefined();
});

test("a row that was on its way while something changed is not believed later", async () => {
  const { found, find, set } = setUp();
  const { promise, resolve } = Promise.withResolvers<string>();
  const early = found.find("a", () => promise);
  set(undefined);
  found.forget();
  resolve("old");
  expect(await early).toBe("old");
  expect(await find()).toBeUndefined();
});

test("a clock that is set back makes nothing last longer", async () => {
  const { find, set, time } = setUp();
  await find();
  set("second");
  time.now -= 1;
  expect(await find()).toBe("second");
});

test("of very many rows the most recent are known, and memory is bounded", async () => {
  const { find, reads } = setUp();
  for (let n = 0; n < 5_000; n += 1) await find(`${n}`);
  await find("4999");
  expect(reads()).toBe(5_000);
  await find("0");
  expect(reads()).toBe(5_001);
});
