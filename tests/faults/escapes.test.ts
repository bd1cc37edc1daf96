/** Fault 8: whatever processes do to get away (fork twice, leave the session, drop the mark, fork while dying, fork without end), none is left. */
import { afterEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isOfHome } from "../../src/config/mark.ts";
import { findByVariable, sendSignal, statOf } from "../../src/lib/proc.ts";
import { findSites } from "../../src/supervisor/process/process-groups.ts";
import { BINARY, freeOffset, type Luna, startLuna } from "../support/start-luna.ts";
import { until } from "../support/until.ts";

setDefaultTimeout(90_000);

/** So that they are found by what they run, also without any mark; nobody else sleeps for so odd a time. */
const SECONDS = 86_400 + Math.floor(Math.random() * 1_000_000);
const SLEEP = `sleep ${SECONDS}`;

/** What each service does before it waits; how many sleepers that makes. */
const ESCAPES: Record<string, { script: string; sleepers: number }> = {
  forks_twice: { script: `(setsid sh -c '${SLEEP} & ${SLEEP}' &)`, sleepers: 2 },
  ignores: {
    script: `setsid sh -c "trap '' TERM; ${SLEEP} & wait; ${SLEEP}" & trap '' TERM`,
    sleepers: 1,
  },
  dies_forking: {
    script: `sh -c 'trap "setsid ${SLEEP} & setsid ${SLEEP} &" TERM; while :; do sleep 0.1; done' &`,
    sleepers: 0,
  },
  unmarked: { script: `env -i /usr/bin/setsid -f ${SLEEP}`, sleepers: 1 },
  unmarked_child: { script: `env -i /usr/bin/setsid ${SLEEP} &`, sleepers: 1 },
};

/** A process that does nothing but start itself again in another session, and end. */
const HOP = `#!/bin/sh\nsleep 0.05\n[ -e stop ] || setsid ./hop.sh ${SECONDS} &\n`;

let luna: Luna | undefined;
afterEach(async () => {
  for (const pid of sleepers()) sendSignal(pid, "SIGKILL");
  await luna?.stop();
  await luna?.remove();
  luna = undefined;
});

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "latin1").replaceAll("\0", " ");
  } catch {
    return ""; // It has ended meanwhile.
  }
}

/** Every living process of this machine that runs one of the programs above. */
function sleepers(): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => commandOf(pid).includes(String(SECONDS)) && statOf(pid)?.alive === true);
}
const sleeping = (): number => sleepers().filter((pid) => commandOf(pid).startsWith(SLEEP)).length;

/** Luna with every escape artist; with or without control groups, which catch what else has to be found. */
async function startWithEscapes(hasGroups: boolean): Promise<Luna> {
  const files: Record<string, string> = { "extensions/wild/config.json": '{"name":"wild"}' };
  for (const [name, { script }] of Object.entries(ESCAPES)) {
    files[`extensions/wild/services/${name}/start.sh`] =
      `#!/bin/sh\n${script}\nwhile :; do sleep 0.1; done\n`;
  }
  files["extensions/wild/services/hops/start.sh"] =
    "#!/bin/sh\nchmod +x hop.sh; ./hop.sh\nwhile :; do sleep 0.1; done\n";
  files["extensions/wild/services/hops/hop.sh"] = HOP;
  if (!hasGroups) {
    const none = { memory_bytes: null, pids: null };
    files[".luna/master_config.json"] = JSON.stringify({ limits: { extensions: none } });
  }
  const started = await startLuna({ files });
  luna = started;
  const wanted = Object.values(ESCAPES).reduce((sum, { sleepers }) => sum + sleepers, 0);
  await until(() => sleeping() >= wanted, { timeoutMs: 30_000, what: `${wanted} sleepers` });
  for (const name of Object.keys(ESCAPES)) await started.pidOf(`wild__service_${name}`);
  return started;
}

for (const hasGroups of [true, false]) {
  const how = hasGroups ? "as this machine allows" : "without control groups";
  test(`fault 8: none escapes the end of Luna (${how})`, async () => {
    const running = await startWithEscapes(hasGroups);
    expect(await running.stop()).toBe(0);
    expect(running.processes()).toEqual([]);
    expect(sleepers().map(commandOf)).toEqual([]);
  });
}

test("fault 8: none with a mark escapes the stop of its one service, nor a child without", async () => {
  const running = await startWithEscapes(false);
  for (const name of ["forks_twice", "ignores", "dies_forking", "unmarked_child", "hops"]) {
    await running.control(`/services/wild__service_${name}/stop`, { method: "POST" });
  }
  // Of "unmarked" alone nobody can tell any more whose it was; the end of Luna ends it.
  await until(() => sleepers().length === 1, { what: "one sleeper" });
});

test("fault 8: luna down ends what is left when all but one child were killed", async () => {
  const running = await startWithEscapes(true);
  const survivor = await running.pidOf("wild__service_forks_twice");
  const killed = [running.pid, ...running.processes().map(({ pid }) => pid)];
  for (const pid of killed) sendSignal(pid, "SIGSTOP");
  for (const pid of killed) if (pid !== survivor) sendSignal(pid, "SIGKILL");
  sendSignal(survivor, "SIGCONT");
  await running.exited;
  expect(statOf(survivor)?.alive).toBe(true);
  expect(await running.run("down")).toMatchObject({
    code: 0,
    stdout: "Luna has stopped; nothing is left running.\n",
  });
  expect(running.processes()).toEqual([]);
});

describe("a stop in the middle of the start leaves nothing", () => {
  for (const count of [1, 2, 4, 6, 8]) {
    test(`when ${count} of its processes are there`, async () => {
      const home = await mkdtemp(join(tmpdir(), "luna-home-"));
      const ours = () => findByVariable("LUNA_PROCESS_ID", isOfHome(home));
      await Bun.write(
        join(home, "extensions/wild/services/a/start.sh"),
        `#!/bin/sh\nsetsid ${SLEEP} &\n${SLEEP}\n`,
      );
      const child = Bun.spawn([BINARY, "up"], {
        env: {
          PATH: "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin",
          HOME: home,
          LUNA_HOME: home,
          LUNA_PORT_OFFSET: String(freeOffset()),
        },
        stdio: ["ignore", "ignore", "ignore"],
      });
      try {
        await until(() => ours().length >= count, { timeoutMs: 30_000, what: "its processes" });
        child.kill("SIGTERM");
        expect(await child.exited).toBe(0);
        expect(ours()).toEqual([]);
        expect(sleepers()).toEqual([]);
      } finally {
        child.kill("SIGKILL");
        await rm(home, { recursive: true, force: true });
      }
    });
  }
});

test("what a shell had started before it became luna up is a stranger, and is left alone", async () => {
  const home = await mkdtemp(join(tmpdir(), "luna-home-"));
  const child = Bun.spawn(["sh", "-c", `${SLEEP} & exec ${BINARY} up`], {
    env: {
      PATH: "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin",
      HOME: home,
      LUNA_HOME: home,
      LUNA_PORT_OFFSET: String(freeOffset()),
    },
    stdio: ["ignore", "ignore", "ignore"],
  });
  try {
    const ours = () => findByVariable("LUNA_PROCESS_ID", isOfHome(home));
    await until(() => ours().length > 3, { timeoutMs: 30_000, what: "its processes" });
    expect(sleepers().map((pid) => statOf(pid)?.parent)).toEqual([child.pid]);
    child.kill("SIGTERM");
    expect(await child.exited).toBe(0);
    expect(ours()).toEqual([]);
    expect(sleepers()).toHaveLength(1);
  } finally {
    child.kill("SIGKILL");
    await rm(home, { recursive: true, force: true });
  }
});

test("fault 8: a fork bomb is bounded, the others go on, and its end is the end of all of it", async () => {
  const limit = 64;
  // It bounds itself as well: where the machine allows no limits, this test shall not be what ends it.
  const bomb = `
    for (let started = 0; ; await Bun.sleep(1)) {
      if (started >= 400) continue;
      try {
        Bun.spawn(["sleep", "${SECONDS}"]);
        started += 1;
      } catch {
        // The limit: it tries on and on.
      }
    }`;
  const running = await startLuna({
    files: {
      "extensions/wild/config.json": '{"name":"wild"}',
      "extensions/wild/services/bomb/start.sh": "#!/bin/sh\nexec bun bomb.js\n",
      "extensions/wild/services/bomb/bomb.js": bomb,
      ".luna/master_config.json": JSON.stringify({ limits: { extensions: { pids: limit } } }),
    },
  });
  luna = running;
  const { sites } = findSites((await running.state()).supervisor.pid);
  const isLimited = sites.some(({ controllers }) => controllers.includes("pids"));
  if (!isLimited) process.stderr.write("No limit of pids here: the bomb has only its own\n");
  await until(() => sleeping() > limit / 2, { timeoutMs: 30_000, what: "the bomb" });
  const began = performance.now();
  let most = 0;
  while (performance.now() - began < 2_000) {
    most = Math.max(most, sleeping());
    expect((await fetch(`${running.url}/healthz`)).status).toBe(200);
  }
  expect(most).toBeLessThanOrEqual(isLimited ? limit : 400);
  for (const name of ["auth", "agent", "mcp", "hub", "caddy"]) {
    expect((await running.state()).services[name]?.restarts).toBe(0);
  }
  const stop = await running.control("/services/wild__service_bomb/stop", { method: "POST" });
  expect(stop.status).toBe(200);
  expect(sleepers()).toEqual([]);
});
