/** The whole life of an external service that needs no Docker, with the compiled binary. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { AuditPage } from "../../src/contract/audit.ts";
import { RegistryFile } from "../../src/contract/external-service.ts";
import { PAGE_HEADER } from "../../src/contract/page-token.ts";
import { Overview } from "../../src/contract/process.ts";
import { holderOfPort } from "../../src/lib/proc.ts";
import { freePort } from "../support/edge.ts";
import { callServices, pageDefinition, untilStatus, viewService } from "../support/services.ts";
import { type Luna, startLuna } from "../support/start-luna.ts";
import { until } from "../support/until.ts";

const TIMEOUT_MS = 60_000;
const SECRET = "o\"pen'se$(id)`same`\\1 42";
const MESSAGE = 'it\'s "$(id)" `id` \\1\nand more';
const PERIOD_MS = 1_000;

const port = freePort();
let luna: Luna;

beforeAll(async () => {
  luna = await startLuna({
    files: {
      ".luna/master_config.json": JSON.stringify({
        supervision: { external_health_period_ms: PERIOD_MS },
      }),
    },
  });
}, TIMEOUT_MS);
afterAll(async () => {
  await luna.stop();
  await luna.remove();
}, TIMEOUT_MS);

const page = async () => (await fetch(`http://127.0.0.1:${port}/`)).json();
const log = () => readFile(luna.paths.externalService("page").log, "utf8");
const env = () => readFile(luna.paths.env, "utf8");
const overview = async () => Overview.parse(await (await luna.control("/overview")).json());

test("a definition is shown before it is added, and refused when it is none", async () => {
  const service_definition = pageDefinition("page", port);
  const preview = await callServices(luna, "upload", { service_definition, preview: true });
  expect(preview).toMatchObject({ status: 200, body: { name: "page" } });
  expect(preview.body["commands"]).toMatchObject({ stop: "echo stopping {{service_name}}" });
  expect(existsSync(luna.paths.externalService("page").folder)).toBe(false);
  for (const name of ["../page", "upload", "a/b", ".", "Page"]) {
    const answer = await callServices(luna, "upload", {
      service_definition: { ...service_definition, name },
    });
    expect(answer.status).toBe(422);
  }
  expect((await callServices(luna, "upload", { service_definition })).status).toBe(200);
  expect((await callServices(luna, "upload", { service_definition })).status).toBe(409);
  const taken = { ...service_definition, name: "postgres" };
  expect((await callServices(luna, "upload", { service_definition: taken })).status).toBe(409);
});

test("what comes with Luna and what was added is available; nothing of it is installed", async () => {
  const { services } = await (await luna.control("/api/external-services/available")).json();
  const names = services.map(({ name }: { name: string }) => name);
  expect(names).toEqual(expect.arrayContaining(["postgres", "ollama", "page"]));
  expect(services.every(({ installed }: { installed: boolean }) => !installed)).toBe(true);
  for (const what of ["start", "stop", "restart", "enable", "disable"]) {
    expect((await callServices(luna, `page/${what}`)).status).toBe(409);
    expect((await callServices(luna, `nothing/${what}`)).status).toBe(404);
    expect((await callServices(luna, `..%2fpage/${what}`)).status).toBe(404);
  }
  expect((await callServices(luna, "page/uninstall", {})).status).toBe(409);
  expect(await (await luna.control("/api/external-services/installed")).json()).toEqual({});
});

test("the form is checked here, whatever the page did", async () => {
  const answer = await callServices(luna, "page/install", { config: { port: "x" } });
  expect(answer).toMatchObject({ status: 422, body: { error: { code: "invalid_input" } } });
  expect(JSON.stringify(answer.body)).toContain("secret: is required");
  expect((await viewService(luna, "page")).registry_entry).toBeNull();
});

test(
  "it is installed, started and well, and nothing that was said is run by a shell or shown to anybody",
  async () => {
    const config = { secret: SECRET, message: MESSAGE };
    const answer = await callServices(luna, "page/install", { config });
    expect(answer).toMatchObject({ status: 200, body: { status: "running" } });
    expect(answer.body["env_assignments"]).toEqual({
      PAGE_URL: `http://127.0.0.1:${port}`.replace(/^.*/, (url) => `••••••••${url.slice(-4)}`),
      PAGE_SECRET: "••••••••",
    });
    expect(JSON.stringify(answer.body)).not.toContain("pen'se");
    const seen = await page();
    expect(seen.message).toBe(MESSAGE);
    // Nothing of Luna's own is in its environment.
    const allowed =
      /^(?:PATH|HOME|LUNA_HOME|LUNA_PORT_OFFSET|LUNA_PROCESS_ID|LUNA_VALUE_\w+|PWD|OLDPWD|_|SHLVL|LANG|TZ|MESSAGE|SECRET_WORD|BUN_RUNTIME_TRANSPILER_CACHE_PATH)$/;
    expect(seen.names.filter((name: string) => !allowed.test(name))).toEqual([]);
    const view = await viewService(luna, "page");
    expect(view).toMatchObject({
      installed: true,
      config: { port, secret: "••••••••" },
      registry_entry: { status: "running", should_run: true, enabled: false },
      ui_route: { path: "/ext_service/page" },
    });
    const registry = RegistryFile.parse(
      JSON.parse(await readFile(luna.paths.serviceRegistry, "utf8")),
    );
    expect(registry["page"]?.provided).toEqual(["PAGE_URL", "PAGE_SECRET"]);
    expect(JSON.parse(await readFile(luna.paths.serviceRoutes, "utf8"))).toMatchObject({
      page: { slug: "page", port, strip_prefix: true },
    });
    const list = await (await luna.control("/keys/list")).json();
    expect(list).toMatchObject({ PAGE_URL: { is_set: true }, PAGE_SECRET: { is_set: true } });
    expect((await luna.state()).external_services?.["page"]).toMatchObject({ status: "running" });
    expect(await log()).toContain("the secret is [redacted]");
    const shown = await (await luna.control("/api/external-services/page/logs?lines=50")).json();
    expect(shown.logs).toContain("the secret is [redacted]");
    expect(shown.logs).not.toContain("pen'se");
    const command = await Bun.$`ps -eo args`.text();
    expect(command).not.toContain("pen'se");
    const master = JSON.parse(await readFile(luna.paths.masterConfig, "utf8"));
    expect(master.external_services.page).toEqual({ installed: true, enabled: false });
  },
  TIMEOUT_MS,
);

test("its page is under the public address, for who is signed in", async () => {
  const Cookie = await luna.signIn();
  expect((await fetch(`${luna.url}/ext_service/page/`)).status).toBe(401);
  const seen = await (
    await fetch(`${luna.url}/ext_service/page/a?b=c`, { headers: { Cookie } })
  ).json();
  expect(seen).toMatchObject({ path: "/a?b=c", prefix: "/ext_service/page", cookie: null });
  for (const prefix of ["", "/api/supervisor"]) {
    const url = `${luna.url}${prefix}/api/external-services/page`;
    expect((await fetch(`${url}/status`, { headers: { Cookie } })).status).toBe(200);
    const own = { Cookie, Origin: luna.url, "Sec-Fetch-Site": "same-origin" };
    const refused = await fetch(`${url}/stop`, { method: "POST", headers: own });
    expect(refused.status).toBe(403);
    const headers = { ...own, [PAGE_HEADER]: await luna.pageToken(Cookie) };
    expect((await fetch(`${url}/start`, { method: "POST", headers })).status).toBe(200);
  }
});

test(
  "starting what runs changes nothing; it is stopped and started, and two things at once are refused",
  async () => {
    const { pid } = await page();
    expect((await callServices(luna, "page/start")).body).toMatchObject({ status: "running" });
    expect((await page()).pid).toBe(pid);
    const both = await Promise.all([
      callServices(luna, "page/restart"),
      callServices(luna, "page/stop"),
    ]);
    expect(both.map(({ status }) => status).sort()).toEqual([200, 409]);
    expect((await page()).pid).not.toBe(pid);
    expect((await callServices(luna, "page/stop")).body).toMatchObject({ status: "stopped" });
    expect(holderOfPort(port)).toBeUndefined();
    expect((await viewService(luna, "page")).registry_entry).toMatchObject({ should_run: false });
    expect((await callServices(luna, "page/start")).body).toMatchObject({ status: "running" });
  },
  TIMEOUT_MS,
);

test("it starts with the machine once its own command has seen to it, and not before", async () => {
  const no = join(luna.paths.externalService("page").data, "no");
  await Bun.write(no, "");
  expect((await callServices(luna, "page/enable")).status).toBe(502);
  expect((await viewService(luna, "page")).registry_entry?.enabled).toBe(false);
  await Bun.file(no).delete();
  expect((await callServices(luna, "page/enable")).body).toMatchObject({ enabled: true });
  await Bun.write(no, "");
  expect((await callServices(luna, "page/disable")).status).toBe(502);
  expect((await viewService(luna, "page")).registry_entry?.enabled).toBe(true);
  await Bun.file(no).delete();
});

test(
  "what is killed is started again, and a supervisor that dies interrupts nothing",
  async () => {
    const { pid } = await page();
    process.kill(pid, "SIGKILL");
    const again = await until(
      async () => {
        const seen = await page().catch(() => undefined);
        return seen !== undefined && seen.pid !== pid && seen;
      },
      { what: "the page to be started again" },
    );
    await untilStatus(luna, "page", "running");
    const { supervisor } = await luna.state();
    process.kill(supervisor.pid, "SIGKILL");
    await until(async () => (await luna.state()).supervisor.pid !== supervisor.pid);
    await until(async () => (await overview()).phase === "running");
    expect((await page()).pid).toBe(again.pid);
    await untilStatus(luna, "page", "running");
    expect((await overview()).problems).toEqual([]);
    const { checks } = JSON.parse((await luna.run("doctor", "--json")).stdout);
    const ofHome = checks.filter(({ id }: { id: string }) => id === "strays" || id === "files");
    expect(ofHome).toMatchObject([{ status: "ok" }, { status: "ok" }]);
  },
  TIMEOUT_MS,
);

test(
  "it ends with Luna, and is started again with Luna",
  async () => {
    const { pid } = await page();
    await luna.stop();
    expect(holderOfPort(port)).toBeUndefined();
    expect(luna.processes()).toEqual([]);
    luna = await startLuna({ home: luna.home, offset: luna.ports.supervisor - 9999 });
    await untilStatus(luna, "page", "running");
    expect((await page()).pid).not.toBe(pid);
  },
  TIMEOUT_MS,
);

test(
  "installed again it has the new settings, and keeps a password that was only shown as dots",
  async () => {
    const config = { message: "other", secret: "••••••••" };
    const answer = await callServices(luna, "page/install", { config });
    expect(answer).toMatchObject({ status: 200, body: { status: "running" } });
    expect((await page()).message).toBe("other");
    expect(await env()).toContain("PAGE_SECRET=");
    const stored = JSON.parse(await readFile(luna.paths.externalService("page").config, "utf8"));
    expect(stored.secret).toBe(SECRET);
  },
  TIMEOUT_MS,
);

test("a key that somebody else has set is not taken over", async () => {
  const service_definition = { ...pageDefinition("other", port), provides_vars: ["PAGE_URL"] };
  await callServices(luna, "upload", { service_definition });
  const answer = await callServices(luna, "other/install", { config: { port: 1, secret: "x" } });
  expect(answer).toMatchObject({ status: 409 });
  expect(JSON.stringify(answer.body)).toContain("PAGE_URL");
  expect((await luna.control("/api/external-services/other", { method: "DELETE" })).status).toBe(
    200,
  );
  expect((await callServices(luna, "other/install", {})).status).toBe(404);
});

test(
  "uninstalled it leaves what was asked for, and nothing else",
  async () => {
    const files = luna.paths.externalService("page");
    expect((await luna.control("/api/external-services/page", { method: "DELETE" })).status).toBe(
      409,
    );
    const kept = await callServices(luna, "page/uninstall", { remove_data: false });
    expect(kept).toMatchObject({ status: 200, body: { notes: [] } });
    expect(holderOfPort(port)).toBeUndefined();
    expect(await env()).not.toContain("PAGE_");
    expect(JSON.parse(await readFile(luna.paths.serviceRoutes, "utf8"))).toEqual({});
    expect(
      [files.config, join(files.data, "kept"), files.log].map((path) => existsSync(path)),
    ).toEqual([true, true, true]);
    expect((await callServices(luna, "page/install", {})).status).toBe(200);
    expect((await page()).message).toBe("other");
    expect((await callServices(luna, "page/uninstall", { remove_data: true })).status).toBe(200);
    expect([files.config, files.data, files.log].map((path) => existsSync(path))).toEqual([
      false,
      false,
      false,
    ]);
    expect(existsSync(files.definition)).toBe(true);
    expect((await overview()).problems).toEqual([]);
  },
  TIMEOUT_MS,
);

test("who did what is in the audit log, without values", async () => {
  const answer = await fetch(
    `http://127.0.0.1:${luna.ports.auth}/audit?action=external_service&limit=100`,
    {
      headers: { Authorization: `Bearer ${luna.credentials.authToken}` },
    },
  );
  const { events } = AuditPage.parse(await answer.json());
  const actions = new Set(events.map(({ action }) => action));
  for (const verb of [
    "upload",
    "install",
    "uninstall",
    "start",
    "stop",
    "restart",
    "enable",
    "delete",
  ]) {
    expect(actions.has(`external_service.${verb}`)).toBe(true);
  }
  expect(JSON.stringify(events)).not.toContain("pen'se");
});
