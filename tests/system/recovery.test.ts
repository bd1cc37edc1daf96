/** Kills parts of the compiled Luna: each comes back, and nothing else notices. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { createServer } from "node:net";
import { holderOfPort, sendSignal } from "../../src/lib/proc.ts";
import { type Luna, startLuna } from "../support/start-luna.ts";
import { until } from "../support/until.ts";

const CORE = ["auth", "agent", "mcp", "hub", "caddy"] as const;

let luna: Luna;
beforeEach(async () => {
  luna = await startLuna();
});
afterEach(async () => {
  await luna.stop();
  const left = luna.processes();
  await luna.remove();
  expect(left).toEqual([]);
});

const pids = async (): Promise<Record<string, number>> =>
  Object.fromEntries(
    await Promise.all(CORE.map(async (name) => [name, await luna.pidOf(name)] as const)),
  );

for (const victim of CORE) {
  test(`${victim} comes back after kill -9, and no other part is touched`, async () => {
    const before = await pids();
    sendSignal(before[victim] ?? 0, "SIGKILL");
    await until(
      async () => {
        const record = (await luna.state()).services[victim];
        return (
          record?.status === "running" && record.pid !== before[victim] && record.restarts === 1
        );
      },
      { what: `${victim} to run again` },
    );
    expect((await fetch(`${luna.url}/healthz`)).status).toBe(200);
    const after = await pids();
    for (const name of CORE) {
      if (name !== victim) expect(after[name]).toBe(before[name] ?? 0);
    }
    expect((await luna.state()).services[victim]).toMatchObject({ restarts: 1 });
  });
}

test("the supervisor comes back after kill -9 and takes over what runs, without a failed request", async () => {
  const before = await pids();
  const supervisor = (await luna.state()).supervisor.pid;
  const cookie = await luna.signIn();
  let failed = 0;
  let answered = 0;
  let done = false;
  const load = (async () => {
    while (!done) {
      const response = await fetch(`${luna.url}/auth/me`, { headers: { Cookie: cookie } });
      if (response.status === 200) answered += 1;
      else failed += 1;
      await response.arrayBuffer();
    }
  })();
  sendSignal(supervisor, "SIGKILL");
  await until(
    async () => {
      const state = await luna.state();
      return (
        state.supervisor.pid !== supervisor &&
        CORE.every((name) => state.services[name]?.status === "running")
      );
    },
    { what: "another supervisor" },
  );
  await until(async () => (await luna.control("/overview")).status === 200);
  done = true;
  await load;
  expect(await pids()).toEqual(before);
  expect(answered).toBeGreaterThan(0);
  expect(failed).toBe(0);
});

test("luna up goes on with what outlived its bootstrap", async () => {
  const before = await pids();
  sendSignal(luna.pid, "SIGKILL");
  await luna.exited;
  const again = await startLuna({ home: luna.home, offset: luna.ports.supervisor - 9999 });
  try {
    expect(await pids()).toEqual(before);
  } finally {
    await again.stop();
  }
  expect(luna.processes()).toEqual([]);
});

test("a part that is told to restart does, and a program that ignores SIGTERM ends all the same", async () => {
  const before = await luna.pidOf("hub");
  sendSignal(before, "SIGSTOP");
  const response = await luna.control("/services/hub/restart", { method: "POST" });
  expect(await response.json()).toEqual({ restarting: true });
  await until(async () => (await luna.pidOf("hub")) !== before, { what: "a new hub" });
  const unknown = await luna.control("/services/nothing/restart", { method: "POST" });
  expect(unknown.status).toBe(404);
  expect(await unknown.json()).toMatchObject({
    error: { message: expect.stringContaining("there are auth, agent") },
  });
});

test("a part that cannot start is a problem with its reason, and runs again once that is mended", async () => {
  const { supervisor } = await luna.state();
  const hub = await luna.pidOf("hub");
  // While the supervisor sleeps, a stranger takes the port of the part that died.
  sendSignal(supervisor.pid, "SIGSTOP");
  sendSignal(hub, "SIGKILL");
  await until(() => holderOfPort(luna.ports.hub) === undefined);
  const stranger = createServer().listen(luna.ports.hub, "127.0.0.1");
  await until(() => stranger.listening);
  sendSignal(supervisor.pid, "SIGCONT");
  const problem = await until(async () => {
    const { problems } = await (await luna.control("/overview")).json();
    return problems[0];
  });
  expect(problem.id).toBe("process-hub");
  expect(problem.title).toContain(`port ${luna.ports.hub} is taken by`);
  expect(problem.title).toContain(`(pid ${process.pid})`);
  expect(problem.fix).toContain("LUNA_PORT_OFFSET");
  expect((await luna.run("status")).code).toBe(3);
  stranger.close();
  await luna.control("/services/hub/restart", { method: "POST" });
  await luna.pidOf("hub");
  expect((await luna.run("status")).code).toBe(0);
});
