/** UIs and services of an extension on the compiled Luna: ports, environment, health, recovery, and that nothing is left. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { readFile } from "node:fs/promises";
import { sendSignal } from "../../src/lib/proc.ts";
import { fixtureExtension } from "../support/fixture.ts";
import { type Luna, startLuna } from "../support/start-luna.ts";
import { until } from "../support/until.ts";

const TIMEOUT_MS = 30_000;
const SECRET = "planted-clock-91c2";

let luna: Luna;
let offset: number;
beforeAll(async () => {
  luna = await startLuna({
    files: {
      ...(await fixtureExtension("clock")),
      ".luna/master_config.json": JSON.stringify({
        supervision: { probe_period_ms: 100, probe_timeout_ms: 200 },
      }),
    },
    environment: { CLOCK_SECRET: SECRET, OPENAI_API_KEY: "sk-not-for-clocks" },
  });
  offset = luna.ports.supervisor - 9999;
  for (const name of ["clock_ui", "clock__service_web", "clock__service_worker"]) {
    await luna.pidOf(name);
  }
}, TIMEOUT_MS);
afterAll(async () => {
  expect(await luna.stop()).toBe(0);
  const left = luna.processes();
  await luna.remove();
  expect(left).toEqual([]);
}, TIMEOUT_MS);

const web = (path: string) => fetch(`http://127.0.0.1:${5300 + offset}${path}`);
const about = async () => (await web("/about")).json();

test("ports are assigned in their ranges, kept in the configuration, and told to everybody", async () => {
  const { port_assignments } = JSON.parse(await readFile(luna.paths.masterConfig, "utf8"));
  expect(port_assignments).toEqual({
    extensions: { clock: 5200 },
    services: { "clock.once": null, "clock.web": 5300, "clock.worker": null },
  });
  const { services } = await luna.state();
  expect(services["clock_ui"]?.port).toBe(5200 + offset);
  expect(await (await luna.control("/ports")).json()).toEqual({
    core: luna.ports,
    extensions: { clock: 5200 + offset },
    services: { "clock.once": null, "clock.web": 5300 + offset, "clock.worker": null },
  });
  const { env } = await about();
  expect(JSON.parse(env.LUNA_PORTS)).toMatchObject({
    core: { supervisor: luna.ports.supervisor },
    extensions: { clock: 5200 + offset },
    services: { "clock.web": 5300 + offset },
  });
});

test("a service has Luna's own bun, its folder, its secrets and nothing of Luna's", async () => {
  const { env, cwd, bun } = await about();
  expect(cwd).toBe(`${luna.home}/extensions/clock/services/web`);
  expect(bun).toBe(Bun.version);
  expect(env.PATH).toStartWith(`${luna.home}/.luna/bin:`);
  expect(env.CLOCK_SECRET).toBe(SECRET);
  const text = JSON.stringify(env);
  for (const secret of [...Object.values(luna.credentials), "sk-not-for-clocks"]) {
    expect(text).not.toContain(secret);
  }
});

test("a service that is killed serves again, and one that hangs is ended and serves again", async () => {
  const first = (await about()).pid;
  sendSignal(first, "SIGKILL");
  const second = await until(async () => {
    const { pid } = await about();
    return pid !== first ? pid : undefined;
  });
  await web("/hang");
  const third = await until(async () => {
    const { pid } = await about();
    return pid !== second ? pid : undefined;
  });
  expect(third).not.toBe(first);
  const record = await until(async () => {
    const { services } = await luna.state();
    const found = services["clock__service_web"];
    return found?.status === "running" ? found : undefined;
  });
  expect(record.restarts).toBe(2);
});

test("a service that may fail is not started again, and its log tells its end", async () => {
  const { services } = await luna.state();
  expect(services["clock__service_once"]).toMatchObject({ status: "exited", restarts: 0 });
  const log = await readFile(luna.paths.log("clock__service_once"), "utf8");
  expect(log).toBe("once: 0\n");
  const { pid } = (await luna.state()).supervisor;
  sendSignal(pid, "SIGKILL");
  await until(async () => (await luna.state()).supervisor.pid !== pid);
  await until(async () => (await luna.state()).services["clock__service_once"] !== undefined);
  await luna.pidOf("clock__service_web");
  expect((await luna.state()).services["clock__service_once"]).toMatchObject({
    status: "exited",
    restarts: 0,
  });
  expect(await readFile(luna.paths.log("clock__service_once"), "utf8")).toBe(log);
});

test("whatever a service leaves goes with it", async () => {
  const count = () => luna.processes().length;
  const before = count();
  await web("/orphans");
  await until(() => count() >= before + 3, { what: "the orphans" });
  const { pid } = await about();
  sendSignal(pid, "SIGKILL");
  await until(async () => (await about()).pid !== pid);
  await until(() => count() === before, { what: "the orphans to be gone" });
  // The rest are left to the end of Luna itself, which afterAll looks at.
  await web("/orphans");
  await until(() => count() >= before + 3);
});

test("the ports stay the same after a restart of everything", async () => {
  expect(await luna.stop()).toBe(0);
  expect(luna.processes()).toEqual([]);
  luna = await startLuna({ home: luna.home, offset });
  expect((await luna.state()).services["clock_ui"]?.port).toBe(5200 + offset);
  await until(async () => (await web("/healthz")).status === 200);
});
