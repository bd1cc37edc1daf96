/** The commands that look at the running Luna and act on one of its processes, on the compiled binary. */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, readdirSync } from "node:fs";
import { chmod, readFile, stat, writeFile } from "node:fs/promises";
import { z } from "zod";
import { MARK_VARIABLE, processMark } from "../../src/config/mark.ts";
import { Overview } from "../../src/contract/process.ts";
import { findByVariable, sendSignal } from "../../src/lib/proc.ts";
import { findSites } from "../../src/supervisor/process/process-groups.ts";
import { BINARY, type Luna, runLuna, startLuna } from "../support/start-luna.ts";
import { until } from "../support/until.ts";

setDefaultTimeout(60_000);

const PARTS = ["auth", "agent", "mcp", "hub", "caddy"];
/** What depends on the machine that runs this, and not on Luna. */
const OF_MACHINE = ["disk", "docker"];

const Report = z.object({
  healthy: z.boolean(),
  checks: z.array(
    z.object({
      id: z.string(),
      status: z.enum(["ok", "warn", "fail"]),
      title: z.string(),
      detail: z.string(),
      fix: z.string(),
      fixed: z.boolean(),
    }),
  ),
});

interface Ran {
  code: number;
  stdout: string;
}

/** The checks that found something, by id; the exit code has to say the same. */
function findings({ code, stdout }: Ran) {
  const { healthy, checks } = Report.parse(JSON.parse(stdout));
  expect(checks.length).toBeGreaterThanOrEqual(12);
  expect(healthy).toBe(checks.every(({ status }) => status === "ok"));
  expect(code).toBe(healthy ? 0 : 3);
  const found = checks.filter(({ id, status }) => status !== "ok" && !OF_MACHINE.includes(id));
  for (const { fix } of found) expect(fix).not.toBe("");
  return Object.fromEntries(found.map((check) => [check.id, check]));
}

async function overviewOf(luna: Luna): Promise<Overview> {
  return Overview.parse(await (await luna.control("/overview")).json());
}

async function pids(luna: Luna): Promise<Record<string, number | null>> {
  const { services } = await luna.state();
  return Object.fromEntries(PARTS.map((name) => [name, services[name]?.pid ?? null]));
}

describe("beside a running Luna", () => {
  let luna: Luna;
  beforeAll(async () => {
    luna = await startLuna();
  });
  afterAll(() => luna.remove());

  test("status shows since when, restarts, processor and memory of each process", async () => {
    // A figure of a process's first moment is given for a second.
    await until(async () =>
      (await overviewOf(luna)).processes.every(({ memory_bytes = 0 }) => memory_bytes > 1_000_000),
    );
    const people = await luna.run("status");
    expect(people.code).toBe(0);
    for (const name of ["supervisor", ...PARTS]) {
      expect(people.stdout).toMatch(new RegExp(`ok  ${name} .* (s|min)  +0  +[\\d.]+ %  +\\d+ MB`));
    }
  });

  test("a stopped service stays stopped, also over a supervisor's death, until it is started", async () => {
    const before = await pids(luna);
    expect(await luna.run("stop", "agent")).toMatchObject({ code: 0 });
    expect(
      findByVariable(MARK_VARIABLE, (mark) => mark === processMark(luna.home, "agent")),
    ).toEqual([]);
    const { code, stdout } = await luna.run("status");
    expect(code).toBe(3);
    expect(stdout).toContain("Start it: luna start agent");

    const [first] = (await overviewOf(luna)).problems;
    expect(first?.id).toBe("process-agent");
    expect((await overviewOf(luna)).problems[0]).toEqual(first);

    const supervisor = (await luna.state()).supervisor.pid;
    sendSignal(supervisor, "SIGKILL");
    await until(async () => {
      const { phase, processes } = await overviewOf(luna);
      const one = processes.find(({ name }) => name === "supervisor");
      return phase === "running" && one?.pid !== supervisor;
    });
    expect(await pids(luna)).toEqual({ ...before, agent: null });

    const started = await luna.run("start", "agent");
    expect(started).toMatchObject({ code: 0 });
    expect(started.stdout).toMatch(/^Agent API runs \(pid \d+, ready in \d+ ms\)\n$/);
    expect((await luna.run("status")).code).toBe(0);
  });

  test("restart makes a new process of one, and touches no other", async () => {
    const before = await pids(luna);
    expect(await luna.run("restart", "hub")).toMatchObject({ code: 0 });
    const after = await pids(luna);
    expect(after["hub"]).not.toBe(before["hub"] ?? null);
    expect({ ...after, hub: 0 }).toEqual({ ...before, hub: 0 });
  });

  test("what is not there is said with what is", async () => {
    for (const action of ["start", "stop", "restart"]) {
      const unknown = await luna.run(action, "nothing");
      expect(unknown.code).toBe(1);
      expect(unknown.stderr).toContain('Cannot find "nothing": there are');
      expect(unknown.stderr).toContain("agent");
      expect((await luna.run(action)).stderr).toContain(`luna ${action} agent`);
      expect((await luna.run(action, "supervisor")).stderr).toContain("luna down");
    }
  });

  test("status --watch prints a block at each change, and ends with the state it saw last", async () => {
    const child = Bun.spawn([BINARY, "status", "--watch"], {
      env: luna.environment,
      stdin: "ignore",
      stdout: "pipe",
      stderr: "inherit",
    });
    let output = "";
    const gather = async (): Promise<void> => {
      const decoder = new TextDecoder();
      for await (const chunk of child.stdout) output += decoder.decode(chunk, { stream: true });
    };
    const gathered = gather();
    try {
      const blocks = (): number => output.split("\nLuna ").length - 1;
      await until(() => blocks() === 1);
      expect(output).not.toContain("\u001b");
      await luna.run("stop", "hub");
      await until(() => output.includes("--  hub"));
      const stopped = blocks();
      await luna.run("start", "hub");
      await until(
        () => blocks() > stopped && output.lastIndexOf("ok  hub") > output.lastIndexOf("--  hub"),
      );
      child.kill("SIGINT");
      expect(await child.exited).toBe(0);
    } finally {
      child.kill("SIGKILL");
      await gathered;
    }
  });

  test("doctor finds nothing, in words and as JSON", async () => {
    expect(findings(await luna.run("doctor", "--json"))).toEqual({});
    const { stdout } = await luna.run("doctor");
    expect(stdout).toContain("All 6 ports are free or Luna's");
    expect(stdout).toMatch(/ok {2}caddy +Caddy v?2/);
    expect(stdout).toContain("Luna is running");
    expect((await luna.run("doctor", "--nonsense")).code).toBe(2);
  });

  test("a .env that others may read is a problem, for doctor too, until it is fixed", async () => {
    await chmod(luna.paths.env, 0o644);
    expect((await overviewOf(luna)).problems.map(({ id }) => id)).toEqual(["env-access"]);
    const found = findings(await luna.run("doctor", "--json"));
    expect(Object.keys(found).sort()).toEqual(["access", "running"]);
    const fixed = await luna.run("doctor", "--fix", "--json");
    expect(findings(fixed)).toEqual({});
    expect(fixed.stdout).toContain('"fixed": true');
    expect((await stat(luna.paths.env)).mode & 0o777).toBe(0o600);
    expect((await overviewOf(luna)).problems).toEqual([]);
  });

  test("a file that does not parse is named with its line", async () => {
    const { masterConfig } = luna.paths;
    const good = await readFile(masterConfig, "utf8");
    await writeFile(masterConfig, `{\n"luna": {},\n"extensions": [}\n`);
    const { files } = findings(await luna.run("doctor", "--json"));
    expect(files?.detail).toContain(`"${masterConfig}": line 3`);
    await writeFile(masterConfig, good);
    await until(async () => (await overviewOf(luna)).problems.length === 0);
    expect(findings(await luna.run("doctor", "--json"))).toEqual({});
  });

  test("a stray is ended, and nothing else", async () => {
    const before = await pids(luna);
    const stray = Bun.spawn(["sleep", "600"], {
      env: { [MARK_VARIABLE]: processMark(luna.home, "old") },
    });
    try {
      const { strays } = findings(await luna.run("doctor", "--json"));
      expect(strays?.detail).toBe(`old (pid ${stray.pid})`);
      expect(findings(await luna.run("doctor", "--fix", "--json"))).toEqual({});
      await until(() => stray.signalCode === "SIGKILL");
    } finally {
      stray.kill("SIGKILL");
    }
    expect(await pids(luna)).toEqual(before);
  });

  test("a tool host runs within its limits where this machine allows any, and leaves no group", async () => {
    const call = await luna.control("/tools/execute/NOTES_GET_all", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: "{}",
    });
    expect(call.status).toBe(200);
    const host = await luna.pidOf("tool-host-notes");
    const supervisor = (await luna.state()).supervisor.pid;
    const { sites, refusals } = findSites(supervisor);
    // What is refused is said once; what is not is in force.
    const log = await readFile(luna.paths.log("supervisor"), "utf8");
    for (const { controller } of refusals) expect(log).toContain(`No limits of ${controller} here`);
    const groups = await readFile(`/proc/${host}/cgroup`, "utf8");
    expect(groups.includes(".tool-host-notes")).toBe(sites.length > 0);
    expect((await luna.run("stop", "tool-host-notes")).code).toBe(0);
    expect(await luna.state()).toMatchObject({ services: { "tool-host-notes": { pid: null } } });
    // Other homes may have tool hosts of that name.
    const name = `${processMark(luna.home, "").replace(":", ".")}tool-host-notes`;
    await until(() =>
      sites.every(({ folder }) => readdirSync(folder).every((one) => !one.includes(name))),
    );
  });
});

test("doctor works on a Luna that is down, and clears up what was killed", async () => {
  const luna = await startLuna();
  try {
    const { environment, paths } = luna;
    for (const pid of [luna.pid, ...luna.processes().map((one) => one.pid)])
      sendSignal(pid, "SIGSTOP");
    const survivor = await luna.pidOf("mcp");
    for (const { pid } of luna.processes()) if (pid !== survivor) sendSignal(pid, "SIGKILL");
    sendSignal(luna.pid, "SIGKILL");
    await luna.exited;
    sendSignal(survivor, "SIGCONT");
    const found = findings(await runLuna(["doctor", "--json"], environment));
    expect(Object.keys(found).sort()).toEqual(["left-overs", "strays"]);
    expect(found["strays"]?.detail).toBe(`mcp (pid ${survivor})`);
    const fixed = await runLuna(["doctor", "--fix", "--json"], environment);
    expect(findings(fixed)).toEqual({});
    expect(existsSync(paths.lock)).toBe(false);
    expect(luna.processes()).toEqual([]);
    const { stdout } = await runLuna(["doctor"], environment);
    expect(stdout).toContain("Luna does not run: luna up");
    expect((await runLuna(["status"], environment)).code).toBe(4);
    expect((await runLuna(["stop", "agent"], environment)).code).toBe(1);
  } finally {
    await luna.remove();
  }
});
