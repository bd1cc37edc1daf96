/** What a viewer gets: all of it while it keeps up, the number of what it missed when it does not. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { appendFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { until } from "../../tests/support/until.ts";
import type { LogBatch } from "../contract/logs.ts";
import { LogFeed } from "./log-feed.ts";

let folder: string;
let feeds: LogFeed[];
let batches: LogBatch[];
let waiting: number;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "luna-feed-"));
  feeds = [];
  batches = [];
  waiting = 0;
});
afterEach(async () => {
  for (const feed of feeds) feed.stop();
  await rm(folder, { recursive: true, force: true });
});

const write = (name: string, text: string): void =>
  appendFileSync(join(folder, `${name}.log`), text);
const messages = () => batches.flatMap(({ lines }) => lines.map(({ message }) => message));

function feed(options: { names?: string[]; level?: "warn"; after?: string } = {}): LogFeed {
  const one = new LogFeed({
    ...{ folders: [folder], secrets: () => ["a-planted-secret"], ...options },
    send: (batch) => batches.push(batch),
    waitingBytes: () => waiting,
  });
  feeds.push(one);
  void one.start();
  return one;
}

test("begins with a cursor, and goes on from it on another connection", async () => {
  write("a", "before\n");
  const first = feed({ names: ["a"] });
  expect(batches).toEqual([{ topic: "logs", lines: [], cursor: expect.any(String), gap: 0 }]);
  write("a", "one of a-planted-secret\n");
  write("b", "not wanted\n");
  await until(() => messages().length === 1);
  first.stop();
  write("a", "two\n");
  feed({ names: ["a"], after: batches.at(-1)?.cursor ?? "" });
  await until(() => messages().length === 2);
  expect(messages()).toEqual(["one of [redacted]", "two"]);
});

test("less severe lines are left out", async () => {
  feed({ level: "warn" });
  write("a", "fine\nerror: broken\nwarning: old\n");
  await until(() => messages().length === 2);
  expect(messages()).toEqual(["error: broken", "warning: old"]);
});

test("a viewer that does not keep up is told how many lines it missed", async () => {
  feed();
  write("a", "first\n");
  await until(() => messages().length === 1);
  waiting = Number.MAX_SAFE_INTEGER;
  write("a", "second\n");
  await until(() => messages().length === 2);
  const count = 200_000;
  for (let from = 0; from < count; from += 10_000) {
    const numbers = Array.from({ length: 10_000 }, (_, i) => `${from + i} a line of some length`);
    write("a", `${numbers.join("\n")}\n`);
  }
  waiting = 0;
  await until(
    () =>
      messages()
        .at(-1)
        ?.startsWith(`${count - 1} `),
    { what: "the last line" },
  );
  const gap = batches.reduce((sum, batch) => sum + batch.gap, 0);
  expect(gap).toBeGreaterThan(count / 2);
  expect(gap + messages().length - 2).toBe(count);
  expect(Math.max(...batches.map(({ lines }) => lines.length))).toBeLessThanOrEqual(500);
});

test("a cursor that is none is refused", async () => {
  const one = new LogFeed({
    ...{ folders: [folder], secrets: () => [], after: "nonsense" },
    send: (batch) => batches.push(batch),
    waitingBytes: () => 0,
  });
  await expect(one.start()).rejects.toThrow("Cannot go on from this cursor");
});
