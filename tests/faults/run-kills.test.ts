/** Luna ends before any line of a run's journal: the next start makes each thing old, and then all of it new. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import type { QueueOperation } from "../../src/contract/queue.ts";
import type { RunEvent } from "../../src/contract/run.ts";
import { Journal } from "../../src/updates/journal.ts";
import {
  applyAll,
  hashOf,
  makeRunsHome,
  OWNER,
  type RunsHome,
  writeTree,
} from "../support/runs-harness.ts";

const V1 = { "config.json": '{"version":"1"}', "tools/a_tools.ts": "// one" };
const V2 = { "config.json": '{"version":"2"}', "tools/a_tools.ts": "// two", "more/new.txt": "x" };

let made: RunsHome;
beforeEach(async () => {
  made = await makeRunsHome();
  await made.source("v1", V1);
  await made.source("v2", V2);
});
afterEach(() => made.remove());

const folder = (name = "notes"): string => join(made.paths.extensions, name);
const entryOf = async (name = "notes") => (await made.config.read()).extensions[name];
const install: QueueOperation = { type: "install", target: "notes", source: "folder:v1" };
const update: QueueOperation = { type: "update", target: "notes", source: "folder:v2" };

async function staging(): Promise<string[]> {
  const entries = await readdir(made.paths.runs, { withFileTypes: true });
  return entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
}

/** Lets the process "die" right before the n-th line of a journal: nothing of it goes on. */
function killAt(count: number): { killed(): RunEvent["event"] | undefined; undo(): void } {
  const original = Journal.prototype.append;
  let left = count;
  let killed: RunEvent["event"] | undefined;
  Journal.prototype.append = function append(this: Journal, event) {
    // Nobody waits for a line of a log, so whoever wrote it would go on beside the next start.
    if (event.event === "log") return Promise.resolve();
    left -= 1;
    if (left > 0 && killed === undefined) return original.call(this, event);
    killed ??= event.event;
    return new Promise<never>(() => undefined);
  };
  return {
    killed: () => killed,
    undo: () => {
      Journal.prototype.append = original;
    },
  };
}

const ALL: readonly QueueOperation[] = [
  { type: "delete", target: "gone" },
  { type: "install", target: "fresh", source: "folder:v1" },
  update,
  { type: "settings", target: "notes", config: { a: 2 } },
  { type: "disable", target: "other" },
];

test("fault 4: Luna ends before any line of the journal; the next start makes all of it old, then all of it new", async () => {
  const points: string[] = [];
  for (let count = 2; ; count += 1) {
    await made.remove();
    made = await makeRunsHome();
    await made.source("v1", V1);
    await made.source("v2", V2);
    const runs = made.runs();
    const named = (target: string): QueueOperation => ({ ...install, target });
    await applyAll(runs, [named("gone"), named("notes"), named("other")]);
    await writeTree(folder(), { "data/mine.txt": "mine" });
    const old = await hashOf(folder());
    await made.queue.save({ operations: [...ALL] }, await made.config.read());
    const kill = killAt(count);
    const dying = made.runs();
    const id = await dying.applySaved(OWNER);
    await Promise.race([dying.settled(), untilKilled(kill)]);
    kill.undo();
    if (kill.killed() === undefined) break;
    points.push(String(kill.killed()));
    const next = made.runs();
    const touched = await next.recover();
    expect(next.problems).toEqual([]);
    // Between two starts, each extension is wholly one or the other.
    const v2 = await hashOf(join(made.home, "sources/v2"));
    const between = await hashOf(folder());
    const isOld = between === old;
    if (!isOld) expect(await hashOf(folder(), ["data"])).toBe(v2);
    expect((await entryOf())?.source).toBe(isOld ? "folder:v1" : "folder:v2");
    expect(touched.length).toBeLessThanOrEqual(1);
    await next.resume();
    await next.settled();
    const view = await next.view(id);
    const states = view.units.map(({ state }) => state);
    expect(`${count}: ${states}`).toBe(`${count}: ${ALL.map(() => "done")}`);
    expect(view.state).toBe("done");
    expect(await hashOf(folder(), ["data"])).toBe(v2);
    expect(await Bun.file(join(folder(), "data/mine.txt")).text()).toBe("mine");
    expect(existsSync(folder("gone"))).toBe(false);
    expect(existsSync(folder("fresh"))).toBe(true);
    expect((await entryOf("other"))?.enabled).toBe(false);
    expect((await entryOf())?.config).toEqual({ a: 2 });
    expect(await staging()).toEqual([]);
    expect(await made.queue.current()).toBeUndefined();
    expect(await made.queue.attempts()).toBe(0);
  }
  expect(points.length).toBeGreaterThan(30);
}, 60_000);

async function untilKilled(kill: ReturnType<typeof killAt>): Promise<void> {
  while (kill.killed() === undefined) await Bun.sleep(1);
}
