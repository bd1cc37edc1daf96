/** Every durable file survives kill -9 before any of the calls that write it; what was answered is kept. */
import { expect, test } from "bun:test";
import { dirname } from "node:path";
import { type Enumeration, enumerateCrashes, pairOf, type Scenario } from "./crash-points.ts";
import { orderFaults } from "./order.ts";
import {
  databaseScenario,
  envScenario,
  naiveScenario,
  supervisorScenario,
  takeLanes,
  toolsScenario,
} from "./scenarios.ts";
import { serviceScenario } from "./service-scenario.ts";
import { syncScenario } from "./sync-scenario.ts";

const TIMEOUT_MS = 600_000;
const POINTS_MIN = 300;
const DATABASE = ".luna/luna.db";

const lanes = takeLanes(2);
const done = new Map<string, Enumeration>();

/** Enumerates, and checks what holds for every file: it was whole, and would be after a power cut. */
function survives<Facts>(name: string, scenario: Scenario<Facts>): void {
  test(
    `${name}: whole after each kill, and in an order that a power cut cannot undo`,
    async () => {
      const found = await enumerateCrashes(scenario);
      done.set(name, found);
      expect(found.faults).toEqual([]);
      expect(found.lacking).toEqual([]);
      expect(found.points.size).toBeGreaterThan(0);
      for (const file of scenario.durable) {
        if (file !== DATABASE) expect(orderFaults(found.baseline.calls, file)).toEqual([]);
      }
    },
    TIMEOUT_MS,
  );
}

survives("the supervisor's files, in a new home", supervisorScenario(lanes));
survives(
  "the supervisor's files, over old ones",
  supervisorScenario(lanes, {
    ".luna/master_config.json": JSON.stringify({ mine: { kept: true } }),
    ".luna/Caddyfile": "# of an older Luna\n",
  }),
);
survives(".env, in a new home", envScenario(lanes, ""));
survives(
  ".env, with keys of one's own",
  envScenario(lanes, "# mine\nOPENAI_API_KEY='a b'\nnoise\n"),
);
survives("an external service that is installed", serviceScenario(lanes));
survives("an extension's files that its owner's settings go into", syncScenario(lanes));
survives("a new tool description", toolsScenario(lanes, { oldBytes: 0, newBytes: 100 }));
survives("a growing tool description", toolsScenario(lanes, { oldBytes: 10, newBytes: 200_000 }));
survives("a shrinking tool description", toolsScenario(lanes, { oldBytes: 200_000, newBytes: 10 }));
survives("a new database", databaseScenario(lanes, { hasTables: false }));
survives("a database with tables", databaseScenario(lanes, { hasTables: true }));

test(`fault 3: there were at least ${POINTS_MIN} crash points, at each step of each file`, () => {
  const points = [...done.values()].flatMap((one) => [...one.points]);
  expect(points.length).toBeGreaterThanOrEqual(POINTS_MIN);
  process.stderr.write(`${points.length} crash points\n`);
  const pairs = new Set(points.map(pairOf));
  const files = [".env", "master_config.json", "state.json", "Caddyfile", "routes.json", "bin/bun"];
  for (const file of [...files, "tools/one.json"]) {
    const path = file === ".env" ? file : `.luna/${file}`;
    for (const step of ["write", "fsync", "rename"]) {
      expect([step, path, pairs.has(`${step} ${path}`)]).toEqual([step, path, true]);
    }
  }
  for (const file of ["config.json", "tools/tool_config.json"]) {
    const steps = ["rename", "fsync"].map((step, index) => {
      const path = `extensions/one/${file}`;
      return pairs.has(`${step} ${index === 0 ? path : dirname(path)}`);
    });
    expect([file, ...steps]).toEqual([file, true, true]);
  }
  expect(pairs.has("fsync .luna")).toBe(true);
  expect(pairs.has(`pwrite64 ${DATABASE}-wal`)).toBe(true);
});

test("a row is on the disk before it is answered for", () => {
  const { calls } = done.get("a database with tables")?.baseline ?? { calls: [] };
  const wal = calls.filter(({ path }) => path === `${DATABASE}-wal`);
  const syncs = wal.filter(({ name }) => name === "fsync" || name === "fdatasync");
  expect(syncs.length).toBeGreaterThan(10);
  expect(wal.findLastIndex(({ name }) => name === "pwrite64")).toBeLessThan(wal.length - 1);
});

test("a writer that changes its file in place is caught by both", async () => {
  const { faults, baseline } = await enumerateCrashes(naiveScenario());
  expect(faults).toMatchObject([{ point: "ftruncate list.json #1" }]);
  expect(orderFaults(baseline.calls, "list.json")).toContain("list.json was changed in place");
});

test("a rename before the fsync, and one whose folder is not synced, are caught", () => {
  const call = { thread: 1, count: 1, from: undefined };
  const write = { ...call, name: "write" as const, path: "a.tmp" };
  const sync = { ...call, name: "fsync" as const, path: "a.tmp" };
  const rename = { ...call, name: "rename" as const, path: "a", from: "a.tmp" };
  const folder = { ...call, name: "fsync" as const, path: "." };
  expect(orderFaults([write, sync, rename, folder], "a")).toEqual([]);
  expect(orderFaults([write, rename, sync, folder], "a")).toEqual([
    "a.tmp was renamed before its fsync",
  ]);
  expect(orderFaults([sync, write, rename, folder], "a")).toEqual([
    "a.tmp was renamed before its fsync",
  ]);
  expect(orderFaults([write, sync, folder, rename], "a")).toEqual([
    "the folder of a was not synced after the rename",
  ]);
});
