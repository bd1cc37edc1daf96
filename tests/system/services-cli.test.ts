/** `luna svc` with the compiled binary: what it prints, and its exit codes. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { freePort } from "../support/edge.ts";
import { pageDefinition } from "../support/services.ts";
import { type Luna, startLuna } from "../support/start-luna.ts";

const TIMEOUT_MS = 60_000;
const SECRET = "correct-horse-battery";

let luna: Luna;
let file: string;

beforeAll(async () => {
  const definition = pageDefinition("page", freePort());
  luna = await startLuna({
    files: {
      "page.json": JSON.stringify(definition),
      "wrong.json": JSON.stringify({ ...definition, name: "a/b" }),
      "config.json": JSON.stringify({ secret: SECRET }),
    },
  });
  file = join(luna.home, "page.json");
}, TIMEOUT_MS);
afterAll(async () => {
  await luna.stop();
  await luna.remove();
}, TIMEOUT_MS);

const svc = (...args: string[]) => luna.run("svc", ...args);

test("what there is", async () => {
  const { code, stdout } = await svc("list");
  expect(code).toBe(0);
  expect(stdout).toMatch(/^postgres +not installed +PostgreSQL$/m);
  const { services, installed } = JSON.parse((await svc("list", "--json")).stdout);
  expect(services.length).toBeGreaterThan(1);
  expect(installed).toEqual({});
  expect((await svc("show", "postgres")).stdout).toContain("docker run");
});

test("what it does not take", async () => {
  expect((await svc()).code).toBe(2);
  expect((await svc("begin", "x")).code).toBe(2);
  expect((await svc("start")).code).toBe(2);
  for (const args of [
    ["start", "nothing"],
    ["start", "postgres"],
    ["show", "../x"],
    ["install", "nothing"],
    ["install", join(luna.home, "nowhere.json")],
    ["install", join(luna.home, "wrong.json"), "--yes"],
    // A definition is added only by who has seen it.
    ["install", file],
    ["logs", "../x"],
  ]) {
    const { code, stderr } = await svc(...args);
    expect([args, code]).toEqual([args, 1]);
    expect(stderr).toContain("Cannot");
  }
  expect(existsSync(luna.paths.externalService("page").folder)).toBe(false);
});

test(
  "a whole life",
  async () => {
    const config = ["--config", join(luna.home, "config.json")];
    const installed = await svc("install", file, "message=hi there", "--yes", ...config);
    expect(installed.stderr).toContain("echo stopping {{service_name}}");
    expect(installed).toMatchObject({ code: 0 });
    expect(installed.stdout).toContain("Service installed and started (status: running)");
    expect(installed.stdout).toContain("Set in .env: PAGE_URL, PAGE_SECRET");
    expect(installed.stdout).toContain("/ext_service/page/");
    const refused = await svc("install", "page", `secret=${SECRET}`);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain("it is a password");
    expect((await svc("list")).stdout).toMatch(/^page +running +\/ext_service\/page\/ +Page$/m);
    const shown = (await svc("show", "page")).stdout;
    expect(shown).toContain("hi there");
    expect(shown).not.toContain(SECRET);
    expect(await svc("stop", "page")).toMatchObject({ code: 0, stdout: "page: Service stopped\n" });
    expect((await svc("start", "page")).code).toBe(0);
    expect((await svc("restart", "page", "--json")).stdout).toContain('"status": "running"');
    expect((await svc("enable", "page")).code).toBe(0);
    expect((await svc("disable", "page")).code).toBe(0);
    expect((await svc("logs", "page", "-n", "100")).stdout).toContain("stopping page");
    expect((await svc("uninstall", "page")).stdout).toContain("Its data is kept");
    expect(existsSync(luna.paths.externalService("page").data)).toBe(true);
    expect((await svc("install", "page")).code).toBe(0);
    expect((await svc("uninstall", "page", "--remove-data")).code).toBe(0);
    expect(existsSync(luna.paths.externalService("page").data)).toBe(false);
  },
  TIMEOUT_MS,
);
