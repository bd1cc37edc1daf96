/** The configuration of the compiled Luna: what is set takes effect at once, by whichever way, and Caddy never notices. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { reloadCaddy } from "../../src/caddy/edge.ts";
import { ABOUT, ConfigAnswer, ConfigChanged } from "../../src/contract/config-api.ts";
import { ErrorBody } from "../../src/contract/error.ts";
import { ExtensionList } from "../../src/contract/extension.ts";
import { McpServerKey } from "../../src/contract/mcp-servers.ts";
import { PAGE_HEADER } from "../../src/contract/page-token.ts";
import { NewServiceKey } from "../../src/contract/service-keys.ts";
import { fixtureExtension } from "../support/fixture.ts";
import { type Luna, startLuna } from "../support/start-luna.ts";
import { until } from "../support/until.ts";

const TIMEOUT_MS = 30_000;

const tools = (
  extension: string,
  names: readonly string[],
) => `import { defineTool, z } from "luna";
const tool = (name: string) =>
  defineTool({ name, description: name, input: z.object({}), run: () => "${extension} " + name });
export const TOOLS = [${names.map((name) => `tool("${name}")`).join(", ")}];
`;
const exposed = (public_exposure: object) =>
  JSON.stringify({ requires_port: true, health_check: "/healthz", public_exposure });

let luna: Luna;
let offset: number;
let session: string;
let page: string;
let caddyfile: { text: string; mtimeMs: number };

async function caddyfileNow(): Promise<typeof caddyfile> {
  const { mtimeMs } = await stat(luna.paths.caddyfile);
  return { text: await readFile(luna.paths.caddyfile, "utf8"), mtimeMs };
}

beforeAll(async () => {
  luna = await startLuna({
    environment: { PUBLIC_DOMAIN: "env.example" },
    files: {
      ...(await fixtureExtension("clock")),
      "extensions/clock/config.json": JSON.stringify({ version: "1", theme: "light" }),
      "extensions/clock/services/web/service_config.json": exposed({
        ...{ require_api_key: true, route_prefix: "/api/clock/v1" },
      }),
      "extensions/aaa/tools/aaa_tools.ts": tools("aaa", ["SAME", "ONLY_aaa"]),
      "extensions/bbb/tools/bbb_tools.ts": tools("bbb", ["SAME"]),
      "extensions/broken/config.json": '{ "ui": { "strip_prefix": "no" } }',
      ".luna/master_config.json": JSON.stringify({
        public_domain: "file.example",
        supervision: { probe_period_ms: 100 },
        service_api_keys: { "clock.web": "plain-key-of-an-earlier-luna" },
      }),
    },
  });
  offset = luna.ports.supervisor - 9999;
  session = await luna.signIn();
  page = await luna.pageToken(session);
  for (const name of ["clock_ui", "clock__service_web"]) await luna.pidOf(name);
  await until(async () => (await toolNames()).includes("bbb__SAME"), { what: "the tools" });
  caddyfile = await caddyfileNow();
}, TIMEOUT_MS);
afterAll(async () => {
  expect(await luna.stop()).toBe(0);
  const left = luna.processes();
  await luna.remove();
  expect(left).toEqual([]);
}, TIMEOUT_MS);

const stored = async () => JSON.parse(await readFile(luna.paths.masterConfig, "utf8"));
const own = async (file: string) =>
  JSON.parse(await readFile(join(luna.paths.extensions, file), "utf8"));

async function toolNames(): Promise<string[]> {
  const { tools: all } = await (await luna.control("/tools/all")).json();
  return all.map(({ name }: { name: string }) => name);
}

/** As the Hub asks. */
function hub(method: string, path: string, body?: unknown, more: Record<string, string> = {}) {
  return fetch(`${luna.url}/api/supervisor${path}`, {
    method,
    headers: {
      ...{ Cookie: session, Origin: luna.url, [PAGE_HEADER]: page },
      ...{ "Content-Type": "application/json", ...more },
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
}

const edge = (path: string, headers: Record<string, string> = { Cookie: session }) =>
  fetch(`${luna.url}${path}`, { headers, redirect: "manual" });
const statusOf = async (path: string, headers?: Record<string, string>) =>
  (await edge(path, headers)).status;

async function changed(response: Promise<Response>) {
  const answer = await response;
  expect(answer.status).toBe(200);
  return ConfigChanged.parse(await answer.json());
}

describe("an extension that is switched off and on", () => {
  test.each(["over HTTP", "in the file"])("%s ends and begins at once", async (way) => {
    const set = async (enabled: boolean) => {
      if (way === "over HTTP") {
        await changed(hub("PATCH", "/config/master/extensions/clock", { enabled }));
        return;
      }
      const config = await stored();
      config.extensions.clock.enabled = enabled;
      await writeFile(luna.paths.masterConfig, JSON.stringify(config));
    };
    expect(await statusOf("/ext/clock/")).toBe(200);
    await set(false);
    await until(async () => (await statusOf("/ext/clock/")) === 404, { what: "the UI's end" });
    await until(async () => (await luna.state()).services["clock_ui"] === undefined);
    expect(await statusOf("/api/clock/web/about")).toBe(404);
    expect(await own("clock/config.json")).toMatchObject({ enabled: false });
    await set(true);
    await until(async () => (await statusOf("/ext/clock/")) === 200, { what: "the UI's start" });
    await until(async () => (await statusOf("/api/clock/web/healthz")) === 200);
    expect(await caddyfileNow()).toEqual(caddyfile);
  });

  test("tools go and come, and calls of them with them", async () => {
    await changed(hub("PATCH", "/config/master/extensions/aaa", { enabled: false }));
    await until(async () => !(await toolNames()).includes("ONLY_aaa"));
    // The name is free for the other one now.
    expect(await toolNames()).toContain("SAME");
    expect(await toolNames()).not.toContain("bbb__SAME");
    await changed(hub("PATCH", "/config/master/extensions/aaa", { enabled: true }));
    await until(async () => (await toolNames()).includes("ONLY_aaa"));
    expect(await toolNames()).toContain("bbb__SAME");
  });
});

test("one that is moved to another port is reached there at once, by the same address", async () => {
  const config = await stored();
  config.port_assignments.services["clock.web"] = 5377;
  await writeFile(luna.paths.masterConfig, JSON.stringify(config));
  await until(
    async () => (await luna.state()).services["clock__service_web"]?.port === 5377 + offset,
    { what: "the service's new port" },
  );
  await until(async () => (await statusOf("/api/clock/web/healthz")) === 200);
  expect((await fetch(`http://127.0.0.1:${5377 + offset}/healthz`)).status).toBe(200);
  expect(await caddyfileNow()).toEqual(caddyfile);
});

test("a setting is written into the extension's own file, and what runs of it starts again with it", async () => {
  const before = await luna.pidOf("clock__service_web");
  const done = await changed(
    hub("PATCH", "/config/master/extensions/clock", { config: { theme: "dark", other: 1 } }),
  );
  expect(done.changed).toEqual(["extensions.clock.config"]);
  expect(await own("clock/config.json")).toEqual({
    ...{ version: "1", theme: "dark", enabled: true, source: "local" },
  });
  await until(async () => (await luna.pidOf("clock__service_web")) !== before);
  const manifest = await stat(join(luna.paths.extensions, "clock/config.json"));
  const synced = await (await hub("POST", "/config/sync")).json();
  expect(synced).toMatchObject({ success: true, synced: ["clock"] });
  // These have no manifest to write into.
  expect(synced.skipped).toEqual(expect.arrayContaining(["aaa", "bbb"]));
  expect(await stat(join(luna.paths.extensions, "clock/config.json"))).toEqual(manifest);
});

test("of two writers that saw the same, the second is told both versions", async () => {
  const response = await hub("GET", "/config/master");
  const tag = response.headers.get("ETag") ?? "";
  const config = ConfigAnswer.parse(await response.json());
  expect(config).toMatchObject({ public_domain: "env.example" });
  expect(config[ABOUT].overrides).toEqual([
    { field: "public_domain", variable: "PUBLIC_DOMAIN", stored: "file.example" },
  ]);
  expect(JSON.stringify(config)).not.toContain("plain-key");
  const mine = { "If-Match": tag };
  await changed(hub("PUT", "/config/master", { ...config, mine: 1 }, mine));
  const stale = await hub("PUT", "/config/master", { ...config, mine: 2 }, mine);
  expect(stale.status).toBe(409);
  const { error } = ErrorBody.parse(await stale.json());
  expect(error.details).toMatchObject({ yours: { mine: 2 }, current: { mine: 1 } });
  expect((await hub("PUT", "/config/master", config)).status).toBe(428);
  expect(await stored()).toMatchObject({ mine: 1, public_domain: "file.example" });
  const done = await changed(hub("PATCH", "/config/master", { limits: { core: { pids: 900 } } }));
  expect(done.needs_restart).toEqual(["limits.core"]);
});

test("the list tells what runs, who reaches it, and which file of a broken one is wrong", async () => {
  const { extensions } = ExtensionList.parse(await (await hub("GET", "/extensions")).json());
  const byName = new Map(extensions.map((one) => [one.name, one]));
  expect(byName.get("clock")).toMatchObject({
    ui: { status: "running", url: "/ext/clock" },
    problems: [],
  });
  const web = byName.get("clock")?.services.find(({ name }) => name === "web");
  expect(web).toMatchObject({ access: "key", url: "/api/clock/v1/", status: "running" });
  expect(byName.get("broken")?.problems).toMatchObject([
    { file: "config.json", field: "ui.strip_prefix" },
  ]);
  expect(byName.get("aaa")?.tool_count).toBe(2);
});

describe("two tools of one name", () => {
  test("are two in MCP and for whoever runs one by hand, each with its own settings", async () => {
    const body = { name: "desk" };
    const made = McpServerKey.parse(await (await hub("POST", "/mcp-servers/create", body)).json());
    const client = new Client({ name: "test", version: "1" });
    const headers = { Authorization: `Bearer ${made.api_key}` };
    const transport = new StreamableHTTPClientTransport(
      new URL(made.server.url.replace(/^https?:\/\/[^/]+/, luna.url)),
      {
        requestInit: { headers },
      },
    );
    await client.connect(transport as Parameters<Client["connect"]>[0]);
    const listed = async () => (await client.listTools()).tools.map(({ name }) => name);
    expect(await listed()).toEqual(expect.arrayContaining(["SAME", "ONLY_aaa", "bbb__SAME"]));
    const said = async (name: string) =>
      JSON.stringify((await client.callTool({ name, arguments: {} })).content);
    expect(await said("SAME")).toContain("aaa SAME");
    expect(await said("bbb__SAME")).toContain("bbb SAME");
    const run = await (
      await luna.control("/tools/execute/bbb__SAME", {
        ...{ method: "POST", body: "{}", headers: { "Content-Type": "application/json" } },
      })
    ).json();
    expect(run).toMatchObject({ success: true, result: "bbb SAME" });
    await changed(hub("PATCH", "/config/master/tool/bbb__SAME", { enabled_in_mcp: false }));
    await until(async () => !(await listed()).includes("bbb__SAME"));
    expect(await listed()).toContain("SAME");
    await client.close();
  });
});

test("a service's key is asked for at the edge, from the next request on", async () => {
  const with_ = (key: string) =>
    statusOf("/api/clock/v1/healthz", { Authorization: `Bearer ${key}` });
  expect(await statusOf("/api/clock/v1/healthz", {})).toBe(401);
  expect(await with_("plain-key-of-an-earlier-luna")).toBe(200);
  expect(JSON.stringify(await stored())).not.toContain("plain-key");
  const renew = "/service-keys/clock/web/regenerate";
  const { api_key } = NewServiceKey.parse(await (await hub("POST", renew, {})).json());
  expect(await with_("plain-key-of-an-earlier-luna")).toBe(401);
  expect(await with_(api_key)).toBe(200);
  const about = await (
    await edge("/api/clock/v1/about", { Authorization: `Bearer ${api_key}` })
  ).text();
  expect(about).not.toContain(api_key);
  expect((await hub("DELETE", "/service-keys/clock/web")).status).toBe(200);
  expect(await with_(api_key)).toBe(401);
  expect(await statusOf("/api/clock/v1/healthz")).toBe(200);
});

test("Caddy was not told of any of this: the same file, the same process, and no reload", async () => {
  expect(await caddyfileNow()).toEqual(caddyfile);
  expect((await luna.state()).services["caddy"]?.restarts).toBe(0);
  const reloads = async () =>
    (await readFile(luna.paths.log("caddy"), "utf8")).match(/"uri":"\/load"/g)?.length ?? 0;
  expect(await reloads()).toBe(0);
  // One would be seen.
  const program = Bun.which("caddy") ?? "caddy";
  await reloadCaddy({ paths: luna.paths, program, base: luna.environment });
  expect(await reloads()).toBe(1);
});
