/** Fault 13: a docker that fails, hangs, lies, flaps, is down or disappears under services that need it. */
import { afterAll, beforeAll, beforeEach, expect, test } from "bun:test";
import { readFile } from "node:fs/promises";
import { Overview, type Problem } from "../../src/contract/process.ts";
import { Preview } from "../../src/contract/queue.ts";
import { STARTS_MAX } from "../../src/external-services/health.ts";
import { FakeDocker } from "../support/fake-docker.ts";
import { postJson } from "../support/runs.ts";
import { callServices, untilStatus, viewService } from "../support/services.ts";
import { type Luna, startLuna } from "../support/start-luna.ts";
import { until } from "../support/until.ts";

const TIMEOUT_MS = 120_000;
/** Delays follow from it: 20 ms doubled up to 3 s, in place of 2 s up to 5 min. */
const PERIOD_MS = 300;
const SECRET = "correct-horse-battery";
/** Longer than a health check and the question for Docker's version may take together. */
const HANG_TIMEOUT_MS = 25_000;

const BOX = {
  ...{ name: "box", display_name: "Box", description: "A container", category: "test" },
  config_form: [
    { name: "port", type: "number", default: 8080 },
    { name: "password", type: "password" },
  ],
  commands: {
    install: "docker pull box",
    // No restart command, and `run --name` works once only: as most definitions are.
    start:
      'PASSWORD={{password}} docker run -d --name {{container_name}} -e PASSWORD -p "{{port}}:80" box',
    stop: "docker stop {{container_name}}",
    uninstall: "docker rm -f {{container_name}}",
    health_check: "docker inspect --format '{{.State.Running}}' {{container_name}}",
  },
  health_check_expected: "true",
  start_timeout: 2,
};
const STILL = { ...BOX, name: "still", display_name: "Still", restart_on_failure: false };

let docker: FakeDocker;
let luna: Luna;

beforeAll(async () => {
  docker = await FakeDocker.create();
  luna = await startLuna({
    environment: { PATH: docker.path },
    files: {
      ".luna/master_config.json": JSON.stringify({
        supervision: { external_health_period_ms: PERIOD_MS },
      }),
    },
  });
  for (const service_definition of [BOX, STILL]) {
    await callServices(luna, "upload", { service_definition });
    const { name } = service_definition;
    const answer = await callServices(luna, `${name}/install`, { config: { password: SECRET } });
    expect(answer).toMatchObject({ status: 200, body: { status: "running" } });
  }
}, TIMEOUT_MS);
beforeEach(async () => {
  await docker.mode("ok");
  for (const name of ["box", "still"]) {
    expect((await callServices(luna, `${name}/start`)).status).toBe(200);
    await untilStatus(luna, name, "running");
  }
  await until(async () => (await problems()).length === 0, { what: "no problem" });
}, TIMEOUT_MS);
afterAll(async () => {
  await luna.stop();
  await luna.remove();
  await docker.remove();
}, TIMEOUT_MS);

async function problems(): Promise<Problem[]> {
  return Overview.parse(await (await luna.control("/overview")).json()).problems;
}

function problem(id: string, timeoutMs = 30_000): Promise<Problem> {
  return until(async () => (await problems()).find((one) => one.id === id), {
    ...{ timeoutMs, what: `the problem ${id}` },
  });
}

const statusOf = async (name: string) => (await viewService(luna, name)).registry_entry?.status;

test("a published port stays on this machine, and a password is on no command line and in no log", async () => {
  const run = (await docker.calls()).find((call) => call.startsWith("run "));
  expect(run).toContain("-p 127.0.0.1:8080:80");
  expect((await docker.calls()).join("\n")).not.toContain(SECRET);
  expect(await docker.password()).toBe(SECRET);
  expect(await readFile(luna.paths.externalService("box").log, "utf8")).not.toContain(SECRET);
});

test(
  "fault 13: a container that ends is started again, the one that says no is not",
  async () => {
    const before = await docker.starts();
    await docker.kill("luna-box");
    await docker.kill("luna-still");
    await untilStatus(luna, "still", "unhealthy");
    const told = await problem("external-service-still");
    expect(told.fix).toContain("luna svc restart still");
    await until(async () => (await docker.starts()) > before + 1, {
      what: "the box to be started",
    });
    await untilStatus(luna, "box", "running");
    // A `run` that finds the name taken, and then a `start` of what is there.
    expect(await docker.starts()).toBe(before + 2);
    expect((await docker.calls()).slice(before).join("\n")).not.toContain("start luna-still");
  },
  TIMEOUT_MS,
);

test(
  "fault 13: starts that fail come further apart and end, with what to do; a start by hand begins anew",
  async () => {
    await docker.mode("fail");
    const before = (await docker.calls()).length;
    await docker.kill("luna-box");
    const told = await until(
      async () =>
        (await problems()).find(
          ({ id, severity }) => id === "external-service-box" && severity === "error",
        ),
      { timeoutMs: 60_000, what: "the box to be given up" },
    );
    expect(told.detail).toContain("driver failed");
    expect(told.fix).toContain("luna svc restart box");
    const starts = (await docker.calls()).slice(before).filter((call) => call.startsWith("run "));
    // The stop before each start asks nothing more of Docker.
    expect(starts).toHaveLength(STARTS_MAX);
    expect((await callServices(luna, "box/start")).status).toBe(502);
    await docker.mode("ok");
    expect((await callServices(luna, "box/restart")).body).toMatchObject({ status: "running" });
    await until(async () => (await problems()).length === 0, { what: "no problem" });
  },
  TIMEOUT_MS,
);

test(
  "fault 13: a wrong answer is unhealthy, whatever the exit code says; what the container wrote is in the log",
  async () => {
    await docker.mode("lie");
    await untilStatus(luna, "box", "unhealthy");
    await problem("external-service-box");
    const log = () => readFile(luna.paths.externalService("box").log, "utf8");
    await until(async () => (await log()).includes("the container says why"));
    await docker.mode("ok");
    await untilStatus(luna, "box", "running", 30_000);
  },
  TIMEOUT_MS,
);

test(
  "fault 13: one that flaps is given up in the end",
  async () => {
    await docker.mode("flap");
    const told = await until(
      async () =>
        (await problems()).find(
          ({ id, severity }) => id === "external-service-box" && severity === "error",
        ),
      { timeoutMs: 90_000, what: "the box to be given up" },
    );
    expect(told.title).toContain("Box does not run");
    await docker.mode("ok");
    expect((await callServices(luna, "box/restart")).body).toMatchObject({ status: "running" });
  },
  TIMEOUT_MS,
);

test(
  "fault 13: a daemon that is down is one problem, and starts nothing again",
  async () => {
    await docker.mode("down");
    const told = await problem("docker");
    expect(told).toMatchObject({ severity: "error" });
    expect(told.title).toContain("Docker does not run, and needed by Box, Still");
    const before = await docker.starts();
    await untilStatus(luna, "box", "unknown");
    expect((await problems()).map(({ id }) => id)).toEqual(["docker"]);
    const refused = await callServices(luna, "box/restart");
    expect(refused).toMatchObject({ status: 503, body: { error: { code: "docker_unavailable" } } });
    const operations = [{ type: "install_external_service", name: "box" }];
    const preview = Preview.parse(
      await (await postJson(luna, "/queue/preview", { operations })).json(),
    );
    expect(preview.checks.find(({ name }) => name === "docker")).toEqual({
      ...{ name: "docker", ok: false, text: "Docker does not run" },
    });
    const looks = (await docker.calls()).length;
    await until(async () => (await docker.calls()).length > looks + 8, { timeoutMs: 30_000 });
    expect(await docker.starts()).toBe(before);
    await docker.mode("ok");
    await untilStatus(luna, "box", "running");
  },
  TIMEOUT_MS,
);

test(
  "fault 13: a docker that hangs blocks nothing and nobody, and nothing of it is left",
  async () => {
    const before = await docker.starts();
    await docker.mode("hang");
    const told = await problem("docker", HANG_TIMEOUT_MS);
    expect(told.title).toContain("Docker does not answer");
    const began = performance.now();
    for (let asked = 0; asked < 20; asked += 1) {
      expect((await luna.control("/health")).status).toBe(200);
      expect((await luna.control("/overview")).status).toBe(200);
    }
    expect(performance.now() - began).toBeLessThan(6_000);
    expect(await docker.starts()).toBe(before);
    expect((await callServices(luna, "box/start")).status).toBe(503);
    await docker.mode("ok");
    await untilStatus(luna, "box", "running", HANG_TIMEOUT_MS);
    await until(() => !luna.processes().some(({ pid }) => isSleeping(pid)), {
      timeoutMs: HANG_TIMEOUT_MS,
      what: "what hung to be ended",
    });
    expect(await docker.starts()).toBe(before);
  },
  TIMEOUT_MS,
);

test(
  "fault 13: a start that hangs is ended with all that it began",
  async () => {
    expect((await callServices(luna, "box/uninstall", { remove_data: true })).status).toBe(200);
    await docker.mode("hang_run");
    const installed = await callServices(luna, "box/install", { config: { password: SECRET } });
    expect(installed).toMatchObject({ status: 200, body: { status: "stopped" } });
    expect(String(installed.body["message"])).toContain("no end within 2 s");
    expect(luna.processes().some(({ pid }) => isSleeping(pid))).toBe(false);
  },
  TIMEOUT_MS,
);

test(
  "fault 13: a docker that disappears is told, nothing is installed meanwhile, and all goes on when it is back",
  async () => {
    await docker.disappear();
    const told = await problem("docker");
    expect(told.title).toContain("Docker is not there");
    const config = { password: SECRET };
    const refused = await callServices(luna, "postgres/install", { config });
    expect(refused).toMatchObject({ status: 503 });
    expect((await viewService(luna, "postgres")).registry_entry).toBeNull();
    const { stdout } = await luna.run("doctor");
    expect(stdout).toContain("Docker is not there");
    await docker.reappear();
    await untilStatus(luna, "box", "running");
    await until(async () => (await problems()).length === 0, { what: "no problem" });
  },
  TIMEOUT_MS,
);

test(
  "the database that comes with Luna is installed, gives its address to others, and is taken away",
  async () => {
    const installed = await callServices(luna, "postgres/install", {
      config: { password: SECRET },
    });
    expect(installed).toMatchObject({ status: 200, body: { status: "running" } });
    expect(await docker.password()).toBe(SECRET);
    expect((await docker.calls()).join("\n")).not.toContain(SECRET);
    const env = () => readFile(luna.paths.env, "utf8");
    expect(await env()).toContain(`DB_PASSWORD=${SECRET}`);
    expect(await env()).toContain("DB_HOST=127.0.0.1");
    expect((await callServices(luna, "postgres/restart")).body).toMatchObject({
      status: "running",
    });
    expect((await callServices(luna, "postgres/enable")).status).toBe(200);
    const gone = await callServices(luna, "postgres/uninstall", { remove_data: true });
    expect(gone).toMatchObject({ status: 200, body: { notes: [] } });
    expect(await env()).not.toContain("DB_");
    expect(await statusOf("postgres")).toBeUndefined();
  },
  TIMEOUT_MS,
);

function isSleeping(pid: number): boolean {
  return (
    Bun.spawnSync(["ps", "-o", "comm=", "-p", String(pid)])
      .stdout.toString()
      .trim() === "sleep"
  );
}
