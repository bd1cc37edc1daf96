/** Tests each check of the doctor on homes with and without its fault. */
import { Database } from "bun:sqlite";
import { afterEach, beforeEach, expect, test } from "bun:test";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { until } from "../../../tests/support/until.ts";
import { readEnvironment } from "../../config/environment.ts";
import { MARK_VARIABLE, processMark } from "../../config/mark.ts";
import { pathsOf } from "../../config/paths.ts";
import { portsWith } from "../../config/ports.ts";
import { statOf } from "../../lib/proc.ts";
import { accessCheck } from "./access.ts";
import { caddyCheck } from "./caddy.ts";
import type { DoctorContext } from "./check.ts";
import { clockCheck, clockCheckAt } from "./clock.ts";
import { databaseCheck } from "./database.ts";
import { diskCheck } from "./disk.ts";
import { dockerCheck, dockerCheckWithin, dockerFinding } from "./docker.ts";
import { filesCheck } from "./files.ts";
import { githubCheck } from "./github.ts";
import { leftOversCheck } from "./left-overs.ts";
import { limitsCheck } from "./limits.ts";
import { portsCheck } from "./ports.ts";
import { runningCheck } from "./running.ts";
import { straysCheck } from "./strays.ts";

let home: string;
let started: Bun.Subprocess[];
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "luna-doctor-"));
  started = [];
});
afterEach(async () => {
  for (const child of started) {
    child.kill("SIGKILL");
    await child.exited;
  }
  rmSync(home, { recursive: true, force: true });
});

function context(
  facts: Partial<DoctorContext> & { variables?: NodeJS.ProcessEnv } = {},
): DoctorContext {
  const { variables, ...rest } = facts;
  return {
    environment: readEnvironment({ LUNA_HOME: home, PATH: "/usr/bin:/bin", ...variables }),
    paths: pathsOf(home),
    ports: portsWith(20_000),
    supervisor: undefined,
    isHeld: false,
    ...rest,
  };
}

function write(path: string, text: string): string {
  const whole = join(home, path);
  mkdirSync(dirname(whole), { recursive: true });
  writeFileSync(whole, text, { mode: 0o600 });
  return whole;
}

function spawnMarked(name: string): Bun.Subprocess {
  const child = Bun.spawn(["sleep", "60"], {
    env: { PATH: "/usr/bin:/bin", [MARK_VARIABLE]: processMark(home, name) },
  });
  started.push(child);
  return child;
}

function writeState(services: Record<string, Bun.Subprocess>): void {
  const record = ({ pid }: Bun.Subprocess) => ({
    ...{ pid, start_ticks: statOf(pid)?.start_ticks, port: null, status: "running", kind: "core" },
    ...{ health: "healthy", started_at: null, last_check: null, restarts: 0 },
  });
  const entries = Object.entries(services).map(([name, child]) => [name, record(child)]);
  const started_at = new Date().toISOString();
  const supervisor = { pid: 1, start_ticks: 1, started_at, port: 1, version: "0" };
  write(".luna/state.json", JSON.stringify({ supervisor, services: Object.fromEntries(entries) }));
}

test("a home that is not there yet is well", async () => {
  rmSync(home, { recursive: true });
  const none = [diskCheck, accessCheck, filesCheck, clockCheck, databaseCheck, leftOversCheck];
  for (const check of [...none, straysCheck, runningCheck]) {
    expect([check.id, (await check.run(context())).status]).toEqual([check.id, "ok"]);
  }
});

test("a port that a stranger holds is named with its holder", async () => {
  const server = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  try {
    const found = await portsCheck.run(context({ ports: { ...portsWith(20_000), hub: port } }));
    expect(found).toMatchObject({ status: "fail" });
    expect(found.detail).toContain(`${port} by`);
    expect(found.detail).toContain(`(pid ${process.pid})`);
    expect(found.fix).toContain("LUNA_PORT_OFFSET");
  } finally {
    await new Promise((resolve) => server.close(resolve));
  }
});

test("Caddy is told with its version, or with the command that installs it", async () => {
  const bin = mkdtempSync(join(home, "bin-"));
  const missing = await caddyCheck.run(context({ variables: { PATH: bin } }));
  expect(missing.status).toBe("fail");
  expect(missing.fix).not.toBe("");
  writeFileSync(join(bin, "caddy"), "#!/bin/sh\necho v9.8.7 h1:abc\n", { mode: 0o755 });
  expect(await caddyCheck.run(context({ variables: { PATH: bin } }))).toMatchObject({
    status: "ok",
    title: "Caddy v9.8.7",
  });
  writeFileSync(join(bin, "caddy"), "#!/bin/sh\nexit 3\n", { mode: 0o755 });
  const broken = await caddyCheck.run(context({ variables: { PATH: bin } }));
  expect(broken.title).toContain("exit code 3");
});

test("files that others may read are closed", async () => {
  const path = write(".env", "A=1\n");
  chmodSync(path, 0o644);
  mkdirSync(join(home, ".luna"), { mode: 0o755 });
  const found = await accessCheck.run(context());
  expect(found).toMatchObject({ status: "warn", fix: "luna doctor --fix" });
  expect(found.detail).toContain(`"${path}" is 644, should be 600`);
  await accessCheck.repair?.(context());
  expect((await accessCheck.run(context())).status).toBe("ok");
  expect(statSync(path).mode & 0o777).toBe(0o600);
});

test("a clock that went back, or never was right, is found", async () => {
  const path = write(".env", "");
  expect((await clockCheck.run(context())).status).toBe("ok");
  const future = Date.now() / 1000 + 3_600;
  utimesSync(path, future, future);
  const found = await clockCheck.run(context());
  expect(found.status).toBe("warn");
  expect(found.detail).toContain(path);
  expect((await clockCheckAt(() => 0).run(context())).status).toBe("fail");
});

test("Docker that is absent or does not run is no fault, one without permission is", async () => {
  const bin = mkdtempSync(join(home, "bin-"));
  expect((await dockerCheck.run(context({ variables: { PATH: bin } }))).status).toBe("ok");
  expect(dockerFinding({ ok: false, why: "Cannot connect to the Docker daemon" }).status).toBe(
    "ok",
  );
  const denied = dockerFinding({ ok: false, why: "Got permission denied while trying to connect" });
  expect(denied.status).toBe("warn");
  expect(denied.fix).toStartWith("sudo usermod -aG docker");
  expect(dockerFinding({ ok: true, output: "20.10.24\n" }).title).toBe("Docker 20.10.24");
});

const FAKES: [what: string, script: string, status: string, text: string][] = [
  ["fails", "echo no daemon >&2; exit 1", "ok", "no daemon"],
  ["tells something else", "echo hello; echo world", "warn", "hello"],
  ["tells nothing", "exit 0", "warn", "It says nothing"],
  ["disappears", 'rm "$0"; exit 127', "ok", "127"],
];
for (const [what, script, status, text] of FAKES) {
  test(`fault 13: a docker that ${what} is told, and is no end of anything`, async () => {
    const bin = mkdtempSync(join(home, "bin-"));
    writeFileSync(join(bin, "docker"), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
    const found = await dockerCheck.run(context({ variables: { PATH: `${bin}:/usr/bin:/bin` } }));
    expect([found.status, found.detail]).toEqual([status as "ok", expect.stringContaining(text)]);
  });
}

test("fault 13: a docker that hangs is given up in time", async () => {
  const bin = mkdtempSync(join(home, "bin-"));
  writeFileSync(join(bin, "docker"), "#!/bin/sh\nexec sleep 600\n", { mode: 0o755 });
  const found = await dockerCheckWithin(200).run(
    context({ variables: { PATH: `${bin}:/usr/bin:/bin` } }),
  );
  expect(found.title).toContain("does not run");
}, 5_000);

test("a database is whole, damaged, or not to be reached", async () => {
  const path = write(".luna/luna.db", "");
  const client = new Database(path);
  client.run("PRAGMA journal_mode = WAL");
  client.run("CREATE TABLE things (name TEXT)");
  expect((await databaseCheck.run(context())).status).toBe("ok");
  client.close();
  writeFileSync(
    path,
    "this is no database at all, but long enough to be taken for one. ".repeat(99),
  );
  expect(await databaseCheck.run(context())).toMatchObject({ status: "fail" });
  const variables = { DATABASE_URL: "postgres://luna@127.0.0.1:1/luna" };
  const unreachable = await databaseCheck.run(context({ variables }));
  expect(unreachable.title).toStartWith("Postgres does not answer");
  const senseless = await databaseCheck.run(context({ variables: { DATABASE_URL: "mysql://x" } }));
  expect(senseless).toMatchObject({ status: "fail" });
});

const BROKEN: [string, string, string][] = [
  [".luna/master_config.json", '{\n  "luna": {,\n}', "line 2, column"],
  [".luna/state.json", "[]", "expected object"],
  [".luna/update_queue.json", "{", "line 1"],
  [".luna/tools/notes.json", "null", "expected object"],
  ["extensions/notes/config.json", '{\n\n"required_secrets": 1}', "required_secrets"],
  ["extensions/notes/services/sync/service_config.json", "\n\n\noops", "line 4"],
  ["external_services/db/service.json", "{]", "line 1"],
  [".env", "A=1\nthis is nothing\n", "line 2"],
];
for (const [path, text, place] of BROKEN) {
  test(`a broken ${path} is named with its place`, async () => {
    const whole = write(path, text);
    const found = await filesCheck.run(context());
    expect(found.status).toBe("fail");
    expect(found.detail).toContain(whole);
    expect(found.detail).toContain(place);
    expect(found.fix).toContain(whole);
  });
}

test("files that are whole, and other folders, are no fault", async () => {
  write(".luna/master_config.json", "{}");
  write("extensions/notes/config.json", "{}");
  write("extensions/.hidden/config.json", "{");
  write(".env", "# a comment\n\nA=1\n");
  expect((await filesCheck.run(context())).status).toBe("ok");
});

test("a lock and sockets that nobody holds are removed, those that somebody holds are not", async () => {
  const lock = write(".luna/lock", "{}");
  const abandoned = write(".luna/run/notes.sock", "");
  const alive = join(home, ".luna/run/alive.sock");
  const server = createServer().listen(alive);
  await new Promise((resolve) => server.once("listening", resolve));
  try {
    const found = await leftOversCheck.run(context());
    expect(found).toMatchObject({ status: "warn", detail: `${lock}\n${abandoned}` });
    expect((await leftOversCheck.run(context({ isHeld: true }))).status).toBe("ok");
    await leftOversCheck.repair?.(context());
    expect([lock, abandoned, alive].map((path) => existsSync(path))).toEqual([false, false, true]);
    expect((await leftOversCheck.run(context())).status).toBe("ok");
  } finally {
    await new Promise((resolve) => server.close(resolve));
  }
});

test("without a supervisor every marked process is a stray, and is ended", async () => {
  mkdirSync(join(home, ".luna"));
  const stray = spawnMarked("agent");
  const stranger = Bun.spawn(["sleep", "60"], { env: { [MARK_VARIABLE]: "0:agent" } });
  started.push(stranger);
  const found = await straysCheck.run(context());
  expect(found).toMatchObject({ status: "warn", detail: `agent (pid ${stray.pid})` });
  expect((await straysCheck.run(context({ isHeld: true }))).status).toBe("ok");
  await straysCheck.repair?.(context());
  await until(() => stray.signalCode === "SIGKILL");
  expect(stranger.exitCode).toBeNull();
  expect((await straysCheck.run(context())).status).toBe("ok");
});

test("beside a supervisor only what it does not know is a stray", async () => {
  const known = spawnMarked("agent");
  const daemonOfKnown = spawnMarked("agent");
  const stray = spawnMarked("old");
  const supervisor = spawnMarked("supervisor");
  writeState({ agent: known });
  const facts = { supervisor: { pid: supervisor.pid, overview: async () => undefined } };
  expect((await straysCheck.run(context(facts))).detail).toBe(`old (pid ${stray.pid})`);
  await straysCheck.repair?.(context(facts));
  await until(() => stray.signalCode === "SIGKILL");
  for (const child of [known, daemonOfKnown, supervisor]) expect(child.exitCode).toBeNull();
});

test("beside a supervisor whose state cannot be read, nobody is taken for a stray", async () => {
  const child = spawnMarked("agent");
  const supervisor = spawnMarked("supervisor");
  write(".luna/state.json", "{");
  const facts = { supervisor: { pid: supervisor.pid, overview: async () => undefined } };
  expect((await straysCheck.run(context(facts))).status).toBe("ok");
  await straysCheck.repair?.(context(facts));
  expect(child.exitCode).toBeNull();
});

test("that limits are not possible is information", async () => {
  const gone = { pid: 0x7fff_ffff, overview: async () => undefined };
  expect(await limitsCheck.run(context({ supervisor: gone }))).toMatchObject({
    status: "ok",
    title: "What processes take of memory and pids is not limited here",
  });
});

test("a supervisor that does not answer is a fault", async () => {
  const facts = { supervisor: { pid: 1, overview: async () => undefined } };
  expect((await runningCheck.run(context(facts))).status).toBe("fail");
});

test("sign-in with GitHub is looked at as .env, the environment and the mode have it", async () => {
  expect((await githubCheck.run(context())).title).toBe("Sign-in with GitHub is not set up");
  writeFileSync(join(home, ".env"), "GITHUB_CLIENT_ID=id\nGITHUB_CLIENT_SECRET=very-secret\n");
  expect((await githubCheck.run(context())).status).toBe("ok");
  mkdirSync(join(home, ".luna"));
  writeFileSync(pathsOf(home).masterConfig, '{"deployment_mode":"custom_domain"}');
  const found = await githubCheck.run(context());
  expect(found).toMatchObject({ status: "warn", title: "Nobody can sign in with GitHub" });
  expect(JSON.stringify(found)).not.toContain("very-secret");
  const variables = { ALLOWED_GITHUB_USERNAME: "octocat" };
  expect((await githubCheck.run(context({ variables }))).status).toBe("ok");
  const half = await githubCheck.run(context({ variables: { DEPLOYMENT_MODE: "local" } }));
  expect(half.status).toBe("ok");
});
