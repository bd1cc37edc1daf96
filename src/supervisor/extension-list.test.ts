/** Tests of the list of extensions, on real folders; what runs is made up. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { MasterConfigStore } from "../config/master-config.ts";
import { type Paths, pathsOf } from "../config/paths.ts";
import { ExtensionList } from "../contract/extension.ts";
import type { ProcessView } from "../contract/process.ts";
import { Extensions } from "./extension-list.ts";

let paths: Paths;
beforeEach(() => {
  paths = pathsOf(mkdtempSync(join(tmpdir(), "luna-list-")));
});
afterEach(() => rmSync(paths.home, { recursive: true }));

function put(path: string, content: unknown): void {
  mkdirSync(dirname(join(paths.home, path)), { recursive: true });
  const text = typeof content === "string" ? content : JSON.stringify(content);
  writeFileSync(join(paths.home, path), text);
}

const running = (name: string, port: number): ProcessView => ({
  ...{ name, label: name, kind: "ui", path: null, pid: 77, start_ticks: 1, port },
  ...{ status: "running", health: "healthy", started_at: null, last_check: null, restarts: 0 },
  ...{ ready_ms: null, last_exit: null, next_start_at: null },
});

async function list(views: ProcessView[] = []) {
  const config = new MasterConfigStore(paths.masterConfig);
  const missingSecrets = () => [{ name: "NOTES_KEY", extensions: ["notes"] }];
  const extensions = new Extensions({
    ...{ paths, config, missingSecrets },
    toolFailure: (name) => (name === "failing" ? "It ended with exit code 3" : undefined),
    processes: { views: () => views },
  });
  const made = { extensions: await extensions.list() };
  expect(ExtensionList.parse(made)).toEqual(made);
  return made.extensions;
}

test("no extensions is an empty list", async () => {
  expect(await list()).toEqual([]);
});

test("an extension with all its parts, running and not", async () => {
  put("extensions/notes/config.json", { version: "1.2", description: "Takes notes" });
  put("extensions/notes/ui/start.sh", "");
  for (const service of ["web", "worker", "open", "keyed", "hidden"]) {
    put(`extensions/notes/services/${service}/start.sh`, "");
  }
  const served = (public_exposure?: object) => ({ requires_port: true, public_exposure });
  put("extensions/notes/services/web/service_config.json", served());
  put("extensions/notes/services/open/service_config.json", served({ enabled: true }));
  put(
    "extensions/notes/services/keyed/service_config.json",
    served({ require_api_key: true, route_prefix: "/api/notes/v1" }),
  );
  put("extensions/notes/services/hidden/service_config.json", served({ enabled: false }));
  const described = { extension: "notes", content_hash: "", system_prompt: "", problems: [] };
  const tools = [{ name: "A", description: "A", input_schema: { type: "object" } }];
  put(".luna/tools/notes.json", { ...described, tools });
  put(".luna/master_config.json", { extensions: { notes: { source: "github:a/b" } } });
  const [notes] = await list([running("notes_ui", 5200), running("notes__service_web", 5300)]);
  const stopped = { status: "stopped", port: null, pid: null } as const;
  const runs = { status: "running", pid: 77 } as const;
  const url = "/api/notes/web/";
  expect(notes).toEqual({
    ...{ name: "notes", description: "Takes notes", version: "1.2" },
    ...{ enabled: true, source: "github:a/b", tool_count: 1, missing_secrets: ["NOTES_KEY"] },
    ui: { ...runs, port: 5200, url: "/ext/notes" },
    services: [
      { ...stopped, name: "hidden", requires_port: true, url: null, access: "none" },
      { ...stopped, name: "keyed", requires_port: true, url: "/api/notes/v1/", access: "key" },
      { ...stopped, name: "open", requires_port: true, url: "/api/notes/open/", access: "open" },
      { ...runs, port: 5300, name: "web", requires_port: true, url, access: "session" },
      { ...stopped, name: "worker", requires_port: false, url: null, access: "none" },
    ],
    problems: [],
  });
});

test("each broken file is a problem of its extension, which names file and field; the rest is listed", async () => {
  put("extensions/good/tools/a_tools.ts", "");
  put("extensions/bad/config.json", { required_secrets: [7] });
  put("extensions/Odd/config.json", {});
  const folder = "extensions/notes";
  put(`${folder}/config.json`, {});
  put(`${folder}/tools/tool_config.json`, { A: { enabled_in_mcp: "yes" } });
  put(`${folder}/services/one/start.sh`, "");
  put(`${folder}/services/one/service_config.json`, { requires_port: 1 });
  put(`${folder}/services/two/start.sh`, "");
  put(`${folder}/services/two/service_config.json`, "{");
  put(`${folder}/services/three/readme`, "");
  const described = { extension: "notes", content_hash: "", system_prompt: "", tools: [] };
  put(".luna/tools/notes.json", { ...described, problems: ["Cannot load a_tools.ts"] });
  put(".luna/master_config.json", { extensions: { bad: { enabled: false } } });
  const views = await list();
  expect(views.map(({ name, enabled }) => [name, enabled])).toEqual([
    ["good", true],
    ["notes", true],
    ["Odd", true],
    ["bad", false],
  ]);
  const [good, notes, odd, bad] = views.map(({ problems }) =>
    problems.map(({ file, field }) => [file, field ?? null]),
  );
  expect(good).toEqual([]);
  expect(notes).toEqual([
    ["services/one/service_config.json", "requires_port"],
    ["services/three", null],
    ["services/two/service_config.json", null],
    ["tools/tool_config.json", "A.enabled_in_mcp"],
    ["tools", null],
  ]);
  expect(odd).toEqual([["", null]]);
  expect(bad).toEqual([["config.json", "required_secrets[0]"]]);
});

test("tools that could not be loaded at all are a problem", async () => {
  put("extensions/failing/tools/a_tools.ts", "");
  const [failing] = await list();
  expect(failing).toMatchObject({
    tool_count: 0,
    problems: [{ file: "tools", message: "It ended with exit code 3" }],
  });
});

test.each([
  ["/api/other/x", "it should be /api/notes or a path below it"],
  ["/api/notes/worker", 'the service "worker" has that path'],
  ["/api/notes/v1", 'the service "aaa" has that path'],
])("the route_prefix %s is refused, and the service goes on without it", async (prefix, why) => {
  const services = "extensions/notes/services";
  for (const service of ["aaa", "web", "worker"]) put(`${services}/${service}/start.sh`, "");
  const exposed = (route_prefix: string) => ({
    ...{ requires_port: true, public_exposure: { route_prefix } },
  });
  put(`${services}/aaa/service_config.json`, exposed("/api/notes/v1"));
  put(`${services}/web/service_config.json`, exposed(prefix));
  const [notes] = await list();
  expect(notes?.problems).toMatchObject([
    { file: "services/web/service_config.json", field: "public_exposure.route_prefix" },
  ]);
  expect(notes?.problems[0]?.message).toContain(why);
  expect(notes?.services.map(({ url }) => url)).toEqual([
    ...["/api/notes/v1/", "/api/notes/web/", null],
  ]);
});

test.each(["/ext/notes", "api/notes", "/api/notes/", "/api/notes/../x", "/api/n%6F", "/api"])(
  "the route_prefix %s is none at all",
  async (route_prefix) => {
    put("extensions/notes/services/web/start.sh", "");
    const file = { requires_port: true, public_exposure: { route_prefix } };
    put("extensions/notes/services/web/service_config.json", file);
    const [notes] = await list();
    expect(notes?.problems).toMatchObject([{ field: "public_exposure.route_prefix" }]);
  },
);
