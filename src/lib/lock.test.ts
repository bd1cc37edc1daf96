/** Tests of the lock, with another process as the rival. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { until } from "../../tests/support/until.ts";
import { takeLock } from "./lock.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "luna-lock-"));
});
afterEach(() => rm(folder, { recursive: true }));

const rival = (path: string) => `
  import { takeLock } from ${JSON.stringify(join(import.meta.dir, "lock.ts"))};
  const lock = takeLock(${JSON.stringify(path)}, "the rival");
  console.log("release" in lock ? "taken" : lock.holder);
  setInterval(() => {}, 1000);
`;

test("one holder at a time; the other one learns who it is", () => {
  const path = join(folder, "lock");
  const first = takeLock(path, "the first");
  expect(takeLock(path, "the second")).toEqual({ holder: "the first" });
  if ("release" in first) first.release();
  expect(existsSync(path)).toBe(false);
  const third = takeLock(path, "the third");
  expect("release" in third).toBe(true);
  if ("release" in third) third.release();
});

test("fault 2: a holder that is killed holds it no more", async () => {
  const path = join(folder, "lock");
  const child = Bun.spawn([process.execPath, "-e", rival(path)], { stdout: "pipe" });
  try {
    const reader = child.stdout.getReader();
    const { value } = await reader.read();
    expect(new TextDecoder().decode(value).trim()).toBe("taken");
    expect(takeLock(path, "mine")).toEqual({ holder: "the rival" });
    child.kill("SIGKILL");
    await child.exited;
    const mine = await until(() => {
      const lock = takeLock(path, "mine");
      return "release" in lock ? lock : undefined;
    });
    mine.release();
  } finally {
    child.kill("SIGKILL");
  }
});
