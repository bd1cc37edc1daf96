/** The disk is full from any step of a run on: what cannot be done goes back, and when there is room the run ends by itself. */
import { afterAll, afterEach, expect, test } from "bun:test";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import type { QueueOperation } from "../../src/contract/queue.ts";
import type { UnitStep } from "../../src/contract/run.ts";
import { Journal } from "../../src/updates/journal.ts";
import {
  applyAll,
  hashOf,
  makeRunsHome,
  OWNER,
  type RunsHome,
  writeTree,
} from "../support/runs-harness.ts";
import { mountSmallDisk } from "./small-disk.ts";

const DISK_MB = 16;
const TIMEOUT_MS = 120_000;
/** As long as the disk stays full. */
const FULL_MS = 300;
const BIG = "x".repeat(300_000);
const V1 = { "config.json": '{"version":"1"}', "tools/a_tools.ts": "// one" };
const V2 = { "config.json": '{"version":"2"}', "tools/a_tools.ts": "// two", "more/big.txt": BIG };

const STEPS: Record<string, readonly UnitStep[]> = {
  install: [
    "check",
    "fetch",
    "validate",
    "packages",
    "stop",
    "back_up",
    "swap",
    "configure",
    "start",
    "health",
  ],
  update: [
    "check",
    "fetch",
    "validate",
    "packages",
    "stop",
    "back_up",
    "swap",
    "configure",
    "start",
    "health",
  ],
  delete: ["check", "stop", "swap", "configure"],
  settings: ["check", "stop", "configure", "start", "health"],
};
const CASES = Object.entries(STEPS).flatMap(([kind, steps]) =>
  steps.map((step) => [kind, step] as const),
);

function operationOf(kind: string): QueueOperation {
  const target = "notes";
  if (kind === "install") return { type: "install", target, source: "folder:v2" };
  if (kind === "update") return { type: "update", target, source: "folder:v2" };
  if (kind === "delete") return { type: "delete", target };
  return { type: "settings", target, config: { text: BIG } };
}

const disk = mountSmallDisk(DISK_MB);
const homes: RunsHome[] = [];
const states = new Set<string>();
afterEach(async () => {
  disk?.empty();
  for (const made of homes.splice(0)) await made.remove();
});
afterAll(() => disk?.remove());

/** Fills the disk once the step is written down, before it acts. */
function fillAt(step: UnitStep, fill: () => void): { undo(): void } {
  const original = Journal.prototype.append;
  let isFilled = false;
  Journal.prototype.append = async function append(this: Journal, event) {
    await original.call(this, event);
    if (isFilled || event.event !== "step" || event.step !== step) return;
    isFilled = true;
    fill();
  };
  return {
    undo: () => {
      Journal.prototype.append = original;
    },
  };
}

const without = ["data"];

async function prepare(kind: string, within: string): Promise<RunsHome> {
  const made = await makeRunsHome(within);
  homes.push(made);
  await made.source("v1", V1);
  await made.source("v2", V2);
  if (kind === "install") return made;
  const first: QueueOperation = { type: "install", target: "notes", source: "folder:v1" };
  await applyAll(made.runs(), [first]);
  await writeTree(join(made.paths.extensions, "notes"), { "data/mine.txt": BIG });
  return made;
}

async function judge(made: RunsHome, kind: string, before: string): Promise<void> {
  const [view] = await made.runs().list();
  states.add(String(view?.units[0]?.state));
  const isDone = view?.units[0]?.state === "done";
  const after = {
    install: await hashOf(join(made.home, "sources/v2")),
    update: await hashOf(join(made.home, "sources/v2")),
    delete: "absent",
    settings: before,
  }[kind];
  const tree = await hashOf(join(made.paths.extensions, "notes"), without);
  expect(tree).toBe(isDone ? (after ?? "") : before);
  expect(view?.ended_at).not.toBeNull();
  const config = (await made.config.read()).extensions["notes"];
  expect(config !== undefined).toBe(tree !== "absent");
  if (kind === "settings") expect(config?.config).toEqual(isDone ? { text: BIG } : {});
  const kept = join(tree === "absent" ? made.paths.keptData : made.paths.extensions, "notes");
  const data = join(kept, tree === "absent" ? "mine.txt" : "data/mine.txt");
  if (kind !== "install") expect(await Bun.file(data).text()).toBe(BIG);
  const left = (await readdir(made.paths.runs)).filter((name) => !name.endsWith(".jsonl"));
  expect(left).toEqual([]);
}

if (disk === undefined) {
  process.stderr.write("This user may not mount: no disk can be filled in the middle of a run.\n");
} else {
  test.each(CASES)(
    "fault 4: %s, the disk full from the step %s on: it ends by itself once there is room",
    async (kind, step) => {
      const made = await prepare(kind, disk.path);
      const before = await hashOf(join(made.paths.extensions, "notes"), without);
      const runs = made.runs();
      const filling = fillAt(step, () => {
        disk.fill();
        setTimeout(() => disk.empty(), FULL_MS);
      });
      await runs.apply([operationOf(kind)], OWNER);
      await runs.settled();
      filling.undo();
      await judge(made, kind, before);
    },
    TIMEOUT_MS,
  );

  test.each(CASES)(
    "fault 4: %s, the disk full from the step %s on, and Luna ended meanwhile",
    async (kind, step) => {
      const made = await prepare(kind, disk.path);
      const before = await hashOf(join(made.paths.extensions, "notes"), without);
      const runs = made.runs();
      const filling = fillAt(step, () => disk.fill());
      await runs.apply([operationOf(kind)], OWNER);
      await Promise.race([runs.settled(), Bun.sleep(FULL_MS)]);
      await runs.stop();
      filling.undo();
      disk.empty();
      const next = made.runs();
      await next.recover();
      expect(next.problems).toEqual([]);
      await next.resume();
      await next.settled();
      await judge(made, kind, before);
    },
    TIMEOUT_MS,
  );

  test("a full disk was noticed before and after something was touched, and came too late for some", () => {
    expect([...states].sort()).toEqual(["done", "failed", "rolled_back"]);
  });
}
