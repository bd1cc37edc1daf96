/** Luna's own program makes way for another version, and comes back when that one does not work. */
import { afterAll, beforeAll, beforeEach, expect, test } from "bun:test";
import { chmod, copyFile, mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { $ } from "bun";
import { z } from "zod";
import { VERSION } from "../../src/config/version.ts";
import { CoreUpdates } from "../../src/contract/core-update.ts";
import { Overview } from "../../src/contract/process.ts";
import { RunView } from "../../src/contract/run.ts";
import { CoreUpdate, NEVER_IN_PLACE } from "../../src/core-update/core-update.ts";
import { injectInto } from "../faults/strace.ts";
import {
  RELEASES_REPOSITORY,
  type ReleasesStandIn,
  startReleases,
} from "../support/releases-stand-in.ts";
import { BINARY, type Luna, startLuna } from "../support/start-luna.ts";
import { until } from "../support/until.ts";

const NEXT = "9.9.9";
const GRACE_MS = 6_000;
const PATIENCE = { timeoutMs: 40_000 };

let folder: string;
let next: string;
let releases: ReleasesStandIn;
let program: string;
const started: Luna[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "luna-versions-"));
  next = join(folder, "next", "luna");
  const root = resolve(import.meta.dir, "../..");
  await mkdir(join(folder, "next"));
  await $`${process.execPath} build.ts --outfile=${next} --version=${NEXT}`.cwd(root).quiet();
}, 60_000);
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});
beforeEach(async () => {
  releases = startReleases();
  program = join(await mkdtemp(join(folder, "program-")), "luna");
  await copyFile(BINARY, program);
  await chmod(program, 0o755);
});

/** A program that passes its self-test, and does `what` in place of supervising. */
async function broken(what: string): Promise<string> {
  const path = join(folder, `broken-${Bun.hash(what)}`);
  await writeFile(
    path,
    `#!/bin/sh
case "$1" in
  self-test) echo '{"version":"${NEXT}","ok":true}' ;;
  supervise) ${what} ;;
  *) exit 9 ;;
esac
`,
  );
  return path;
}

async function start(): Promise<Luna> {
  const luna = await startLuna({
    binary: program,
    environment: { GITHUB_API_URL: releases.apiUrl },
    files: {
      ".luna/master_config.json": JSON.stringify({
        updates: { core_repository: RELEASES_REPOSITORY, core_grace_ms: GRACE_MS },
      }),
    },
  });
  started.push(luna);
  return luna;
}

const updateOf = ({ paths }: Luna): CoreUpdate =>
  new CoreUpdate({
    ...{ file: paths.coreUpdate, program, version: VERSION },
    source: async () => ({ apiUrl: releases.apiUrl, repository: RELEASES_REPOSITORY }),
    environment: { PATH: "/usr/bin:/bin", LUNA_HOME: paths.home },
    ...{ platform: process.platform, arch: process.arch },
  });

/** Asks for the newest release as people do; answers with the run. */
async function swap(luna: Luna): Promise<string> {
  const answer = await luna.control("/queue/apply", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ operations: [{ type: "update_core" }] }),
  });
  expect(answer.status).toBe(202);
  return z.object({ run_id: z.string() }).parse(await answer.json()).run_id;
}

/** How the run ended, which goes on in whichever Luna comes. */
const untilEnded = (luna: Luna, run: string) =>
  until(
    async () => {
      const answer = await luna.control(`/runs/${run}`).catch(() => undefined);
      if (!answer?.ok) return undefined;
      const view = RunView.parse(await answer.json());
      return view.ended_at === null ? undefined : view;
    },
    { ...PATIENCE, what: "the run to end" },
  );

async function overviewOf(luna: Luna): Promise<Overview | undefined> {
  const answer = await luna.control("/overview").catch(() => undefined);
  return answer?.ok ? Overview.parse(await answer.json()) : undefined;
}

const untilRuns = (luna: Luna, version: string) =>
  until(
    async () => {
      const overview = await overviewOf(luna);
      return overview?.version === version && overview.phase === "running" ? overview : undefined;
    },
    { ...PATIENCE, what: `Luna ${version} to run` },
  );

/** The bootstrap, which began the old program, has become the new one. */
const untilWhole = (luna: Luna) =>
  until(() => luna.output().includes(`Luna ${NEXT}`), { ...PATIENCE, what: "the new luna up" });

const programOf = (pid: number): Promise<string> =>
  $`readlink /proc/${pid}/exe`.text().then((text) => text.trim());

async function end(luna: Luna): Promise<void> {
  expect(await luna.stop()).toBe(0);
  expect(luna.processes()).toEqual([]);
  await luna.remove();
  await releases.stop();
}

test("another version is told, put in place, proves itself, and takes the whole of Luna over", async () => {
  releases.publish(NEXT, next);
  const luna = await start();
  const check = await luna.control("/core/check-updates", { method: "POST" });
  expect(CoreUpdates.parse(await check.json())).toMatchObject({
    ...{ update_available: true, current: { version: VERSION }, refusal: null },
    remote: { version: NEXT },
  });
  const run = await swap(luna);
  await untilRuns(luna, NEXT);
  expect((await untilEnded(luna, run)).units).toMatchObject([{ state: "done" }]);
  expect(await updateOf(luna).read()).toMatchObject({ state: "done", run });
  // The bootstrap is the new program too, under the pid that a service manager knows.
  await untilWhole(luna);
  expect(await programOf(luna.pid)).toBe(program);
  expect((await untilRuns(luna, NEXT)).problems.map(({ id }) => id)).not.toContain("core-update");
  // It watches as before.
  process.kill((await luna.state()).supervisor.pid, "SIGKILL");
  await untilRuns(luna, NEXT);
  await end(luna);
}, 120_000);

test("luna update tells, asks nobody who is sure, and follows the change across the restart", async () => {
  const luna = await start();
  const none = await luna.run("update", "--check");
  expect([none.code, none.stderr]).toEqual([1, expect.stringContaining("404")]);
  releases.publish(NEXT, next);
  const check = await luna.run("update", "--check");
  expect([check.code, check.stdout]).toEqual([0, expect.stringContaining(`There is ${NEXT}`)]);
  const unsure = await luna.run("update");
  expect([unsure.code, unsure.stderr]).toEqual([1, expect.stringContaining("--yes")]);
  const done = await luna.run("update", "--yes");
  expect([done.code, done.stderr]).toEqual([0, ""]);
  expect(done.stdout).toContain("is done");
  expect((await luna.run("version")).stdout).toBe(`${NEXT}\n`);
  await untilRuns(luna, NEXT);
  await end(luna);
}, 120_000);

test("a version whose supervisor ends is taken back, with the reason", async () => {
  releases.publish(NEXT, await broken("echo 'it does not work' >&2; exit 7"));
  const luna = await start();
  const run = await swap(luna);
  const ended = await untilEnded(luna, run);
  const reason = expect.stringContaining("exit code 7");
  expect(ended.units).toMatchObject([{ state: "failed", reason }]);
  const overview = await untilRuns(luna, VERSION);
  expect(await updateOf(luna).read()).toMatchObject({ state: "rolled_back", reason, run });
  expect(overview.problems.find(({ id }) => id === "core-update")?.title).toContain(NEXT);
  expect(luna.output()).toContain("is taken back");
  await end(luna);
}, 120_000);

test("a version that does not run well in time is taken back", async () => {
  releases.publish(NEXT, await broken("exec sleep 600"));
  const luna = await start();
  const run = await swap(luna);
  const reason = expect.stringContaining("did not run well in time");
  expect((await untilEnded(luna, run)).units).toMatchObject([{ state: "failed", reason }]);
  await untilRuns(luna, VERSION);
  expect(await updateOf(luna).read()).toMatchObject({ state: "rolled_back", reason });
  await end(luna);
}, 120_000);

test("killed whole while the new program is on trial, the next start goes on with it", async () => {
  releases.publish(NEXT, next);
  const luna = await start();
  const update = updateOf(luna);
  await update.swap({ ...(await update.prepare("latest")), run: null });
  process.kill(luna.pid, "SIGKILL");
  process.kill((await luna.state()).supervisor.pid, "SIGKILL");
  const offset = luna.ports.supervisor - 9999;
  const again = await startLuna({ binary: program, home: luna.home, offset });
  await untilRuns(again, NEXT);
  await until(async () => (await update.read())?.state === "done", {
    ...PATIENCE,
    what: "the new program to stay",
  });
  await end(again);
}, 120_000);

/** By these the programs and the files that tell of them change, each before it is done. */
const CALLS = ["rename", "link", "unlink"] as const;
/** Threads count for themselves; a supervisor makes few of these calls at each. */
const COUNT_MAX = 3;

test("fault 4: the supervisor is killed at any step of an update: one whole program runs, and the run says which", async () => {
  releases.publish(NEXT, next);
  const states: string[] = [];
  for (const call of CALLS) {
    for (let when = 1; when <= COUNT_MAX; when += 1) {
      await copyFile(BINARY, program);
      const luna = await start();
      const { pid } = (await luna.state()).supervisor;
      const run = await swap(luna);
      // While it is being fetched.
      const endTrace = await injectInto([pid], `${call}:signal=KILL:when=${when}`);
      const { units } = await untilEnded(luna, run);
      const state = units[0]?.state ?? "";
      const isNew = state === "done";
      if (!isNew) expect(units[0]?.reason).toContain(NEVER_IN_PLACE);
      await untilRuns(luna, isNew ? NEXT : VERSION);
      if (isNew) await untilWhole(luna);
      const killed = await endTrace();
      expect([call, when, (await luna.run("version")).stdout.trim()]).toEqual([
        ...[call, when, isNew ? NEXT : VERSION],
      ]);
      const left = (await readdir(dirname(program))).filter((name) => !/^luna(\.old)?$/.test(name));
      expect([call, when, left]).toEqual([call, when, []]);
      if (killed) states.push(`${call} ${when} ${state}`);
      expect(await luna.stop()).toBe(0);
      await luna.remove();
      if (!killed) break;
    }
  }
  process.stderr.write(`${states.join(", ")}\n`);
  expect(states.length).toBeGreaterThan(2);
  await releases.stop();
}, 300_000);
