/** Tests of auth as a process: it starts, keeps what it wrote through a kill, stops on request, and says why it cannot start. */
import { afterAll, afterEach, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { portsWith } from "../../src/config/ports.ts";
import { LoginLink } from "../../src/contract/auth.ts";
import { until } from "../support/until.ts";

const LUNA = new URL("../../luna.ts", import.meta.url).pathname;
const TOKEN = "the-internal-token-of-this-test";
const home = await mkdtemp(join(tmpdir(), "luna-auth-main-"));
afterAll(() => rm(home, { recursive: true, force: true }));

/** An offset whose auth port is free right now. */
function freeOffset(): number {
  const probe = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: () => new Response() });
  const offset = (probe.port ?? 0) - portsWith(0).auth;
  void probe.stop(true);
  return Math.min(offset, 50_000);
}

const offset = freeOffset();
const address = `http://127.0.0.1:${portsWith(offset).auth}`;
const processes: Bun.Subprocess[] = [];

function spawnAuth(extra: Record<string, string> = {}) {
  const child = Bun.spawn([process.execPath, LUNA, "service", "auth"], {
    env: {
      LUNA_HOME: home,
      LUNA_PORT_OFFSET: `${offset}`,
      LUNA_AUTH_TOKEN: TOKEN,
      LUNA_TOKEN_CHECK: TOKEN,
      LUNA_PUBLIC_URL: "http://127.0.0.1:8443",
      LUNA_DEPLOYMENT_MODE: "local",
      ...extra,
    },
    stdout: "pipe",
    stderr: "pipe",
  });
  processes.push(child);
  return child;
}

async function startAuth() {
  const child = spawnAuth();
  await until(async () => (await fetch(`${address}/healthz`)).ok, { what: "auth to be ready" });
  return child;
}

afterEach(async () => {
  for (const child of processes.splice(0)) {
    child.kill("SIGKILL");
    await child.exited;
  }
});

test("a session survives kill -9, and SIGTERM ends the process with 0", async () => {
  const first = await startAuth();
  const made = await fetch(`${address}/login-links`, {
    method: "POST",
    headers: { Authorization: `Bearer ${TOKEN}` },
  });
  const { token } = LoginLink.parse(await made.json());
  const signedIn = await fetch(`${address}/auth/link`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ token }),
  });
  const Cookie = signedIn.headers.get("Set-Cookie")?.split(";")[0] ?? "";
  first.kill("SIGKILL");
  await first.exited;

  const second = await startAuth();
  expect((await fetch(`${address}/auth/me`, { headers: { Cookie } })).status).toBe(200);
  const began = performance.now();
  second.kill("SIGTERM");
  expect(await second.exited).toBe(0);
  // Idle connections (fetch keeps some) must not use up the grace period.
  expect(performance.now() - began).toBeLessThan(1500);
  const log = await new Response(second.stderr).text();
  expect(log).toContain("Auth is ready");
  expect(log).not.toContain(TOKEN);
});

test("without its token, or with a Postgres that does not answer, it says so and ends", async () => {
  const noToken = spawnAuth({ LUNA_AUTH_TOKEN: "" });
  expect(await noToken.exited).not.toBe(0);
  expect(await new Response(noToken.stderr).text()).toContain("LUNA_AUTH_TOKEN");
  const DATABASE_URL = "postgres://luna:hunter2222@127.0.0.1:1/luna";
  const noServer = spawnAuth({ DATABASE_URL });
  expect(await noServer.exited).not.toBe(0);
  const reason = await new Response(noServer.stderr).text();
  expect(reason).toContain('Cannot use the Postgres database "127.0.0.1:1/luna"');
  expect(reason).not.toContain("hunter2222");
});

test("a taken port ends it too", async () => {
  await startAuth();
  const second = spawnAuth();
  expect(await second.exited).not.toBe(0);
  expect(await new Response(second.stderr).text()).toContain("EADDRINUSE");
});
