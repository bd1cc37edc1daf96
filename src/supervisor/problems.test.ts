/** Tests that problems keep their name and their beginning, and come in the order of urgency. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ProcessView } from "../contract/process.ts";
import { caddyProblems } from "./problems/caddy.ts";
import { diskProblems } from "./problems/disk.ts";
import { envAccessProblems } from "./problems/env-access.ts";
import { githubProblems } from "./problems/github.ts";
import { processProblems } from "./problems/processes.ts";
import { type Finding, Problems } from "./problems.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "luna-problems-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const finding = (id: string, severity: Finding["severity"] = "warning"): Finding => ({
  ...{ id, severity },
  ...{ title: id, detail: "", fix: "" },
});

function view(facts: Partial<ProcessView> = {}): ProcessView {
  return {
    ...{ name: "agent", label: "Agent API", kind: "core", pid: 1, start_ticks: 1, port: 1 },
    ...{ path: null, status: "running", health: "healthy", last_check: null, restarts: 0 },
    ...{ started_at: "2026-01-01T00:00:00.000Z", ready_ms: 1, last_exit: null },
    next_start_at: null,
    ...facts,
  };
}

const sight = {
  lastLines: (name: string) => [`last of ${name}`],
};

test("a problem keeps its beginning while it lasts, and begins anew when it comes back", async () => {
  let now = 0;
  let found = [finding("a")];
  const problems = new Problems([() => found], () => new Date(now));
  const since = async () => (await problems.read()).map((one) => Date.parse(one.since));
  expect(await since()).toEqual([0]);
  now = 1_000;
  expect(await since()).toEqual([0]);
  found = [];
  expect(await since()).toEqual([]);
  found = [finding("a")];
  expect(await since()).toEqual([1_000]);
});

test("errors come first, then what has lasted longest", async () => {
  let now = 5_000;
  let found = [finding("z")];
  const problems = new Problems(
    [() => found, async () => [finding("e", "error")]],
    () => new Date(now),
  );
  await problems.read();
  now = 9_000;
  found = [finding("a"), finding("z"), { ...finding("old"), since: new Date(1_000).toISOString() }];
  expect((await problems.read()).map(({ id }) => id)).toEqual(["e", "old", "z", "a"]);
});

test("a process that was given up shows the end of its log and the command that starts it again", () => {
  const [problem] = processProblems([view({ status: "fatal", last_exit: "exit code 3" })], sight);
  expect(problem).toMatchObject({
    id: "process-agent",
    severity: "error",
    title: "Agent API does not run: exit code 3",
    detail: "last of agent",
  });
  expect(problem?.fix).toEndWith("luna restart agent");
});

const LOOPS: [string, Partial<ProcessView>, boolean][] = [
  ["waits after the third failure", { status: "backoff", failures: 3 }, true],
  ["waits after the second failure", { status: "backoff", failures: 2 }, false],
  ["starts after the third failure", { status: "starting", failures: 3 }, true],
  ["runs since a moment", { status: "running", failures: 3 }, true],
  ["runs well again", { status: "running", failures: 0 }, false],
  ["was stopped after the third failure", { status: "stopped", failures: 3 }, false],
  ["never failed", { status: "running" }, false],
];
for (const [what, facts, isLoop] of LOOPS) {
  test(`a process that ${what} is ${isLoop ? "" : "not "}a crash loop`, () => {
    const found = processProblems([view(facts)], sight);
    expect(found.map(({ severity }) => severity)).toEqual(isLoop ? ["warning"] : []);
  });
}

test("a process that somebody stopped is told, one that is only stopped is not", () => {
  const stopped = view({ status: "stopped", pid: null });
  expect(processProblems([stopped], sight)).toEqual([]);
  const [problem] = processProblems([{ ...stopped, stopped_by_hand: true }], sight);
  expect(problem?.fix).toBe("Start it: luna start agent");
});

test("a source that cannot look is told, and the others are heard", async () => {
  const broken = (): never => {
    throw new Error("no descriptor is left");
  };
  const found = await new Problems([broken, () => [finding("a")]]).read();
  expect(found.map(({ id }) => id).sort()).toEqual(["a", "look-0"]);
  expect(found.find(({ id }) => id === "look-0")?.title).toContain("no descriptor is left");
});

const DISKS: [number, string[]][] = [
  [2e9, []],
  [5e8, ["warning"]],
  [1e7, ["error"]],
];
for (const [free, severities] of DISKS) {
  test(`a disk with ${free} bytes left`, async () => {
    const found = await diskProblems(folder, async () => free);
    expect(found.map(({ severity }) => severity)).toEqual(severities as Finding["severity"][]);
  });
}

test("a .env that others may read is told with its permissions", () => {
  const path = join(folder, ".env");
  expect(envAccessProblems(path)).toEqual([]);
  writeFileSync(path, "A=1\n");
  chmodSync(path, 0o640);
  expect(envAccessProblems(path)[0]?.detail).toContain("640");
  chmodSync(path, 0o600);
  expect(envAccessProblems(path)).toEqual([]);
});

test("a Caddy that is not there is an error, unless it still runs", () => {
  const place = { paths: { bin: folder }, environment: { variables: { PATH: folder } } };
  expect(caddyProblems(place, false)[0]?.severity).toBe("error");
  expect(caddyProblems(place, true)[0]?.severity).toBe("warning");
  writeFileSync(join(folder, "caddy"), "#!/bin/sh\n", { mode: 0o755 });
  expect(caddyProblems(place, false)).toEqual([]);
});

test("sign-in with GitHub that was half set up, or is for everybody, is told without a secret", () => {
  const app = { GITHUB_CLIENT_ID: "id", GITHUB_CLIENT_SECRET: "very-secret" };
  expect(githubProblems({}, "custom_domain")).toEqual([]);
  expect(githubProblems(app, "local")).toEqual([]);
  expect(githubProblems({ ...app, ALLOWED_GITHUB_USERNAME: "o" }, "nip_io")).toEqual([]);
  const [open] = githubProblems(app, "custom_domain");
  expect(open).toMatchObject({ id: "github-sign-in", severity: "warning" });
  expect(open?.fix).toContain("ALLOWED_GITHUB_USERNAME");
  const [half] = githubProblems({ GITHUB_CLIENT_SECRET: "very-secret" }, "local");
  expect(half?.detail).toStartWith("GITHUB_CLIENT_SECRET is set, GITHUB_CLIENT_ID is not");
  expect(JSON.stringify([open, half])).not.toContain("very-secret");
});
