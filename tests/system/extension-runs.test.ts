/** Extensions installed, updated and deleted from archives on a running Luna, good versions and bad ones. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { ToolListChangedNotificationSchema } from "@modelcontextprotocol/sdk/types.js";
import { McpServerKey } from "../../src/contract/mcp-servers.ts";
import { CALLABLE } from "../bench/budgets.ts";
import { apply, postJson } from "../support/runs.ts";
import { hashOf } from "../support/runs-harness.ts";
import { type Luna, startLuna } from "../support/start-luna.ts";
import { connectListener, deleteStarter, installStarter, STARTER } from "../support/starter.ts";
import { until } from "../support/until.ts";
import {
  KEEP_TOOL,
  POCKET,
  runTool,
  toldByTool,
  upload,
  VERSION_TOOL,
  versionFiles,
} from "../support/versions.ts";

const TIMEOUT_MS = 60_000;

let luna: Luna;
let cookie: string;
let client: Client;
let changes = 0;
beforeAll(async () => {
  luna = await startLuna({
    files: {
      ".luna/master_config.json": JSON.stringify({ updates: { health_grace_ms: 3_000 } }),
    },
  });
  cookie = await luna.signIn();
  const made = McpServerKey.parse(
    await (await postJson(luna, "/mcp-servers/create", { name: "all" })).json(),
  );
  client = await connectListener(made.server.url, made.api_key);
}, TIMEOUT_MS);
afterAll(async () => {
  await client.close();
  await luna.stop();
  const left = luna.processes();
  await luna.remove();
  expect(left).toEqual([]);
}, TIMEOUT_MS);

const through = async (path: string): Promise<string> =>
  (await fetch(`${luna.url}${path}`, { headers: { Cookie: cookie } })).text();
const tree = () => hashOf(join(luna.paths.extensions, POCKET), ["data", "config.json"]);
const otherPids = async (but: string = POCKET) => {
  const { supervisor, services } = await luna.state();
  const others = Object.entries(services).filter(([name]) => !name.includes(but));
  return [supervisor.pid, ...others.map(([name, { pid }]) => `${name} ${pid}`)];
};
const toolNames = async () => (await client.listTools()).tools.map(({ name }) => name);
const staging = async () =>
  (await readdir(luna.paths.runs)).filter((name) => !name.endsWith(".jsonl"));

test(
  "the starter is installed from a zip: a client that was connected before calls its tool at once",
  async () => {
    const before = await otherPids();
    expect(await installStarter(luna, client)).toBeLessThan(CALLABLE.limit);
    for (const [path, text] of [
      [`/ext/${STARTER}/`, "<html"],
      [`/api/${STARTER}/api/`, `"extension":"${STARTER}"`],
    ] as const) {
      expect(await through(path)).toContain(text);
    }
    expect(await otherPids(STARTER)).toEqual(before);
    await deleteStarter(luna, client);
    expect(await otherPids()).toEqual(before);
  },
  TIMEOUT_MS,
);

test(
  "an archive is installed on a running Luna: a client that was connected before hears of its tools",
  async () => {
    const before = await otherPids();
    expect(await toolNames()).not.toContain(VERSION_TOOL);
    changes = 0;
    client.setNotificationHandler(ToolListChangedNotificationSchema, () => {
      changes += 1;
    });
    const source = await upload(luna, versionFiles("1.0.0", { toolsOnly: true }));
    const view = await apply(luna, [{ type: "install", target: POCKET, source }]);
    expect(view.state).toBe("done");
    await until(() => changes > 0, { what: "word that the tools changed" });
    const called = await client.callTool({ name: VERSION_TOOL, arguments: {} });
    expect(JSON.stringify(called.content)).toContain("1.0.0");
    expect(await otherPids()).toEqual(before);
  },
  TIMEOUT_MS,
);

test(
  "an update brings new tools, a UI and a service; data stays; nothing else restarts",
  async () => {
    const before = await otherPids();
    await runTool(luna, KEEP_TOOL, { text: "mine" });
    const source = await upload(luna, versionFiles("2.0.0"));
    const view = await apply(luna, [{ type: "update", target: POCKET, source }]);
    expect(view.units).toMatchObject([{ state: "done", reason: null }]);
    expect(await toldByTool(luna)).toEqual({ version: "2.0.0", kept: "mine" });
    expect(await through(`/ext/${POCKET}/`)).toBe("2.0.0");
    expect(await through(`/api/${POCKET}/web/`)).toBe("2.0.0");
    expect(await otherPids()).toEqual(before);
    const config = JSON.parse(await readFile(luna.paths.masterConfig, "utf8"));
    expect(config.extensions[POCKET]).toMatchObject({ source, enabled: true });
    expect(config.extensions[POCKET].resolved).toStartWith("sha256:");
  },
  TIMEOUT_MS,
);

test.each([
  ["is not well", "health", "rolled_back"],
  ["ends at its start", "exit", "rolled_back"],
  ["has tools that do not load", "tools", "rolled_back"],
] as const)(
  "a version that %s goes back by itself, with its last words",
  async (_what, broken, state) => {
    const [before, others] = [await tree(), await otherPids()];
    const source = await upload(luna, versionFiles("3.0.0", { broken }));
    const view = await apply(luna, [{ type: "update", target: POCKET, source }]);
    expect(view).toMatchObject({ state: "rolled_back", units: [{ state }] });
    if (broken !== "tools") expect(view.units[0]?.last_lines.join("\n")).toContain("3.0.0");
    expect(view.units[0]?.reason).toMatch(/^Cannot /);
    expect(await tree()).toBe(before);
    await until(async () => (await through(`/api/${POCKET}/web/`)) === "2.0.0");
    expect(await toldByTool(luna)).toEqual({ version: "2.0.0", kept: "mine" });
    expect(await otherPids()).toEqual(others);
    expect(await staging()).toEqual([]);
  },
  TIMEOUT_MS,
);

test(
  "what cannot be had or read never stops the version that runs",
  async () => {
    const pid = await luna.pidOf(`${POCKET}__service_web`);
    const before = await tree();
    const sources = ["upload:nothing.zip", "github:nobody/nothing", "not a source"];
    for (const source of sources) {
      const view = await apply(luna, [{ type: "update", target: POCKET, source }]);
      expect(view).toMatchObject({ state: "failed", units: [{ state: "failed" }] });
    }
    expect(await tree()).toBe(before);
    expect(await luna.pidOf(`${POCKET}__service_web`)).toBe(pid);
  },
  TIMEOUT_MS,
);

test(
  "a preview shows what an archive asks for and would run, and leaves nothing",
  async () => {
    const source = await upload(
      luna,
      versionFiles("4.0.0", {
        more: {
          "config.json": JSON.stringify({ version: "4.0.0", required_secrets: ["POCKET_KEY"] }),
        },
      }),
    );
    const answer = await postJson(luna, "/queue/preview", {
      operations: [{ type: "update", target: POCKET, source }],
    });
    const preview = await answer.json();
    expect(preview.units).toMatchObject([
      {
        ...{ effect: "restarts", version: "4.0.0", problems: [] },
        secrets: [{ name: "POCKET_KEY", set: false }],
      },
    ]);
    const [unit] = preview.units;
    expect(unit.restarts).toContain(`${POCKET}_ui`);
    expect(unit.commands.map(({ name }: { name: string }) => name)).toEqual([
      ...["ui/start.sh", "services/web/start.sh"],
    ]);
    expect(preview.checks).toMatchObject([
      { name: "disk", ok: true },
      { name: "ports", ok: true },
    ]);
    expect(await staging()).toEqual([]);
    const pinned = { type: "update", target: POCKET, source, resolved: "sha256:other" };
    expect((await apply(luna, [pinned])).units[0]?.reason).toContain("has changed since");
  },
  TIMEOUT_MS,
);

test(
  "a service that the new version does not have any more ends and gives its port back",
  async () => {
    const source = await upload(luna, versionFiles("5.0.0", { toolsOnly: true }));
    expect((await apply(luna, [{ type: "update", target: POCKET, source }])).state).toBe("done");
    const { services } = await luna.state();
    expect(Object.keys(services).filter((name) => /^pocket_/.test(name))).toEqual([]);
    const { port_assignments } = JSON.parse(await readFile(luna.paths.masterConfig, "utf8"));
    expect(port_assignments).toEqual({ extensions: {}, services: {} });
  },
  TIMEOUT_MS,
);

test(
  "deleted, its tools are gone at once; installed again, it has its data",
  async () => {
    changes = 0;
    expect((await apply(luna, [{ type: "delete", target: POCKET }])).state).toBe("done");
    await until(() => changes > 0, { what: "word that the tools changed" });
    expect(await toolNames()).not.toContain(VERSION_TOOL);
    expect(existsSync(luna.paths.toolsFile(POCKET))).toBe(false);
    const source = await upload(luna, versionFiles("6.0.0", { toolsOnly: true }));
    await apply(luna, [{ type: "install", target: POCKET, source }]);
    expect(await toldByTool(luna)).toEqual({ version: "6.0.0", kept: "mine" });
  },
  TIMEOUT_MS,
);

test(
  "packages are installed before anything stops, and a failure of that touches nothing",
  async () => {
    const broken = { dependencies: { "luna-no-such-package-5f1c": "1.0.0" } };
    const more = { "package.json": JSON.stringify(broken) };
    const source = await upload(luna, versionFiles("7.0.0", { toolsOnly: true, more }));
    const before = await tree();
    const view = await apply(luna, [{ type: "update", target: POCKET, source }]);
    expect(view).toMatchObject({ state: "failed", units: [{ state: "failed", step: "packages" }] });
    expect(await tree()).toBe(before);
    await writeFile(join(luna.paths.extensions, POCKET, "extra.txt"), "by hand");
  },
  TIMEOUT_MS,
);
