/** What runs do to files, configuration and queue: wholly or not at all, also when Luna ends at any of their steps. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import {
  applyAll,
  hashOf,
  makeRunsHome,
  OWNER,
  type RunsHome,
  writeTree,
} from "../../tests/support/runs-harness.ts";
import type { QueueOperation } from "../contract/queue.ts";
import { UnavailableError } from "../lib/errors.ts";
import { Journal } from "./journal.ts";

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

test("an installation, an update and a deletion; its data outlives both", async () => {
  const runs = made.runs();
  expect((await applyAll(runs, [install])).state).toBe("done");
  expect(await hashOf(folder())).toBe(await hashOf(join(made.home, "sources/v1")));
  expect(await entryOf()).toEqual({
    ...{ enabled: true, source: "folder:v1", resolved: "sha256:v1", config: {} },
  });
  await writeTree(folder(), { "data/mine.txt": "mine" });
  expect((await applyAll(runs, [update])).state).toBe("done");
  expect(await hashOf(folder(), ["data"])).toBe(await hashOf(join(made.home, "sources/v2")));
  expect(await Bun.file(join(folder(), "data/mine.txt")).text()).toBe("mine");
  expect(await entryOf()).toMatchObject({ source: "folder:v2", resolved: "sha256:v2" });
  expect(existsSync(join(made.paths.backups, "notes/tools/a_tools.ts"))).toBe(true);
  expect((await applyAll(runs, [{ type: "delete", target: "notes" }])).state).toBe("done");
  expect(existsSync(folder())).toBe(false);
  expect(await entryOf()).toBeUndefined();
  expect((await applyAll(runs, [install])).state).toBe("done");
  expect(await Bun.file(join(folder(), "data/mine.txt")).text()).toBe("mine");
  const without: QueueOperation = { type: "delete", target: "notes", remove_data: true };
  expect((await applyAll(runs, [without])).state).toBe("done");
  await applyAll(runs, [install]);
  expect(existsSync(join(folder(), "data"))).toBe(false);
  expect(await staging()).toEqual([]);
  expect(made.audit.map(({ action, outcome }) => [action, outcome])).toContainEqual([
    ...["queue.run", "ok"],
  ]);
});

test("a new version that is not well goes back by itself, with its last words; others go on", async () => {
  const runs = made.runs();
  await applyAll(runs, [install]);
  await writeTree(folder(), { "data/mine.txt": "mine" });
  const [before, entry] = [await hashOf(folder()), await entryOf()];
  made.live.wellness = (extension) =>
    extension === "notes"
      ? { well: false, reason: "notes web ended", last_lines: ["boom"] }
      : { well: true, warnings: [] };
  const other: QueueOperation = { type: "install", target: "other", source: "folder:v1" };
  const view = await applyAll(runs, [update, other]);
  expect(view.state).toBe("failed");
  expect(view.units).toMatchObject([
    { operation: { target: "other" }, state: "done" },
    { operation: { target: "notes" }, state: "rolled_back", last_lines: ["boom"] },
  ]);
  expect(view.units[1]?.reason).toContain("notes web ended");
  expect(await hashOf(folder())).toBe(before);
  expect(await entryOf()).toEqual(entry);
  expect(made.live.held.size).toBe(0);
  expect(await staging()).toEqual([]);
});

test.each([
  ["its source cannot be had", { ...update, source: "github:a/b" }, {}],
  ["its packages cannot be installed", update, { installPackages: failing }],
  ["its manifest is broken", { ...update, source: "folder:broken" }, {}],
  ["it is no extension", { ...update, source: "folder:empty" }, {}],
  ["it is not what was shown", { ...update, resolved: "sha256:other" }, {}],
] as const)("an update of which %s touches nothing", async (_what, operation, parts) => {
  await made.source("broken", { ...V2, "config.json": '{"version": 2' });
  await made.source("empty", { "readme.md": "nothing" });
  await applyAll(made.runs(), [install]);
  const before = await hashOf(folder());
  made.live.calls.length = 0;
  const view = await applyAll(made.runs(parts), [operation]);
  expect(view.state).toBe("failed");
  expect(view.units[0]?.state).toBe("failed");
  expect(view.units[0]?.reason).toMatch(/^Cannot /);
  expect(await hashOf(folder())).toBe(before);
  expect(made.live.calls).not.toContain("hold notes");
});

function failing(): Promise<never> {
  throw new UnavailableError("Cannot install the packages: offline");
}

test("only one run at a time", async () => {
  const runs = made.runs();
  const id = await runs.apply([install], OWNER);
  await expect(runs.apply([update], OWNER)).rejects.toThrow("another run is under way");
  await runs.settled();
  expect((await runs.view(id)).state).toBe("done");
});

test("whoever sees the end of a run may begin the next at once", async () => {
  const next = Promise.withResolvers<string>();
  let isSeen = false;
  const runs = made.runs({}, ({ ended_at }) => {
    if (ended_at === null || isSeen) return;
    isSeen = true;
    runs.apply([update], OWNER).then(next.resolve, next.reject);
  });
  await runs.apply([install], OWNER);
  const id = await next.promise;
  await runs.settled();
  expect((await runs.view(id)).state).toBe("done");
});

test("settings are a patch, and stay when the extension is well with them", async () => {
  const runs = made.runs();
  await applyAll(runs, [install]);
  const set = (config: Record<string, unknown>): QueueOperation => ({
    ...{ type: "settings", target: "notes", config },
  });
  await applyAll(runs, [set({ color: "red", size: 1 })]);
  await applyAll(runs, [set({ color: null })]);
  expect((await entryOf())?.config).toEqual({ size: 1 });
  made.live.wellness = () => ({ well: false, reason: "no", last_lines: [] });
  const view = await applyAll(runs, [set({ size: 2, token: "planted-5d1" })]);
  expect(view.state).toBe("rolled_back");
  expect((await entryOf())?.config).toEqual({ size: 1 });
  const { events } = await runs.events(view.id, 0);
  expect(JSON.stringify(events)).not.toContain("planted-5d1");
  made.live.wellness = () => ({ well: true, warnings: [] });
  await applyAll(runs, [{ type: "disable", target: "notes" }]);
  expect((await entryOf())?.enabled).toBe(false);
  await applyAll(runs, [{ type: "enable", target: "notes" }]);
  expect((await entryOf())?.enabled).toBe(true);
});

test("a queue that cannot be done is tried with three starts, then laid aside, and can be retried", async () => {
  await made.queue.save(
    { operations: [{ ...update, target: "absent" }, install] },
    await made.config.read(),
  );
  for (const expected of [1, 2]) {
    const runs = made.runs();
    await runs.applySaved(OWNER);
    await runs.settled();
    expect(await made.queue.attempts()).toBe(expected);
    expect((await made.queue.current())?.operations).toMatchObject([{ target: "absent" }]);
  }
  expect(existsSync(folder())).toBe(true);
  const runs = made.runs();
  await runs.applySaved(OWNER);
  await runs.settled();
  expect(await made.queue.current()).toBeUndefined();
  expect(await made.queue.failed()).toMatchObject({ operations: [{ target: "absent" }] });
  expect((await made.queue.failed())?.reasons?.[0]).toContain("not installed");
  await made.queue.retryFailed();
  expect((await made.queue.current())?.operations).toMatchObject([{ target: "absent" }]);
  expect(await made.queue.failed()).toBeUndefined();
});

test("what the configuration of a queue changes is made, and what changed meanwhile stays", async () => {
  const present = await made.config.update((draft) => {
    draft.extensions["notes"] = { enabled: true, source: "local", config: { a: 1, b: 1 } };
  });
  const wanted = structuredClone(present);
  wanted.extensions["notes"] = { enabled: false, source: "local", config: { a: 2, b: 2 } };
  wanted.luna.timezone = "Europe/Berlin";
  await made.queue.save({ operations: [], master_config: wanted }, present, wanted);
  await made.config.update((draft) => {
    draft.public_domain = "mine.example";
    const { notes } = draft.extensions;
    if (notes !== undefined) notes.config["b"] = 3;
  });
  const runs = made.runs();
  const id = await runs.applySaved(OWNER);
  await runs.settled();
  const view = await runs.view(id);
  expect(view.units[0]?.reason).toContain("extensions.notes.config.b");
  const after = await made.config.read();
  expect(after.extensions["notes"]).toMatchObject({ enabled: false, config: { a: 2, b: 3 } });
  expect(after.luna.timezone).toBe("Europe/Berlin");
  expect(after.public_domain).toBe("mine.example");
});

test("half a configuration takes nothing of the other half away", async () => {
  const present = await made.config.update((draft) => {
    draft.public_domain = "mine.example";
  });
  await made.queue.save({ operations: [], master_config: {} }, present, {});
  expect(await made.queue.current()).toBeUndefined();
});

test("a run that ends Luna three times is given up: all is as before, and Luna starts", async () => {
  await applyAll(made.runs(), [install]);
  const before = await hashOf(folder());
  const never = { fetch: () => new Promise<never>(() => undefined) };
  const id = await made.runs(never).apply([update], OWNER);
  await Bun.sleep(20);
  for (let start = 0; start < 2; start += 1) {
    const runs = made.runs(never);
    await runs.recover();
    await runs.resume();
    await Bun.sleep(20);
  }
  const last = made.runs(never);
  await last.recover();
  await last.resume();
  const view = await last.view(id);
  expect(view.state).toBe("failed");
  expect(view.units[0]?.reason).toContain("3 times");
  expect(await hashOf(folder())).toBe(before);
  expect(await made.queue.failed()).toMatchObject({ operations: [{ target: "notes" }] });
  expect(last.activeId).toBeNull();
});

test("a stop in the middle is no failure, and the next start goes on", async () => {
  await applyAll(made.runs(), [install]);
  const waiting = made.runs({
    fetch: (_source, { signal }) =>
      new Promise((_, reject) => signal?.addEventListener("abort", () => reject(signal.reason))),
  });
  const id = await waiting.apply([update], OWNER);
  await Bun.sleep(20);
  await waiting.stop();
  const next = made.runs();
  await next.recover();
  await next.resume();
  await next.settled();
  expect((await next.view(id)).state).toBe("done");
  const { events } = await next.events(id, 0);
  expect(events.map(({ event }) => event)).toContain("stopped");
});

test("a journal whose last line was cut off is gone on with, and a saved queue that does not parse stays", async () => {
  const runs = made.runs();
  const view = await applyAll(runs, [install]);
  const path = join(made.paths.runs, `${view.id}.jsonl`);
  const { events, cursor } = await runs.events(view.id, 0);
  await writeFile(path, `${await Bun.file(path).text()}{"at":"20`);
  expect(await runs.events(view.id, 0)).toEqual({ events, cursor, ended: true });
  const journal = new Journal(path, () => undefined);
  await journal.append({ event: "note", text: "more" });
  expect((await runs.events(view.id, cursor)).events).toMatchObject([{ text: "more" }]);
  await writeFile(made.paths.updateQueue, "{");
  await expect(made.runs().applySaved(OWNER)).rejects.toThrow("line 1");
  expect(await Bun.file(made.paths.updateQueue).text()).toBe("{");
  expect(await staging()).toEqual([]);
});
