/** Tests of the configuration over HTTP, on a real master_config.json and real extensions in a temporary home. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { Hono } from "hono";
import { MemoryTrail } from "../../../tests/support/memory-trail.ts";
import { EnvFile } from "../../config/env-file.ts";
import { readEnvironment } from "../../config/environment.ts";
import { MasterConfigStore } from "../../config/master-config.ts";
import { type Paths, pathsOf } from "../../config/paths.ts";
import { ABOUT, ConfigAnswer, ConfigChanged, ConfigConflict } from "../../contract/config-api.ts";
import { ErrorBody } from "../../contract/error.ts";
import { onError } from "../../lib/app.ts";
import { createLogger } from "../../lib/log.ts";
import { hashSecret } from "../../lib/secret.ts";
import { ConfigChanges } from "../config-changes.ts";
import { recordConfigEdits } from "../config-edits.ts";
import { RestartSettings } from "../restart-settings.ts";
import { configRoutes } from "./config.ts";

let paths: Paths;
let app: Hono;
let audit: MemoryTrail;
let changes: number;

const KEPT = "a value that is in .env";

async function begin(variables: Record<string, string> = {}): Promise<void> {
  const environment = { ...readEnvironment({ LUNA_HOME: paths.home }), variables };
  const config = new MasterConfigStore(paths.masterConfig, recordConfigEdits(audit));
  const restart = new RestartSettings({ environment, envFile: new EnvFile(paths.env) });
  await restart.begin(await config.read());
  const log = createLogger("test", [], () => undefined);
  const configChanges = new ConfigChanges({
    ...{ paths, config, restart, log, secrets: () => [KEPT] },
    onChange: () => {
      changes += 1;
    },
  });
  const callerOf = () => ({ actor: { kind: "owner" as const, name: "me" }, address: null });
  const routes = configRoutes({ configChanges, audit, callerOf });
  app = new Hono().onError(onError(log)).route("/config", routes);
}

beforeEach(async () => {
  paths = pathsOf(mkdtempSync(join(tmpdir(), "luna-config-")));
  mkdirSync(paths.luna);
  audit = new MemoryTrail();
  changes = 0;
  await begin();
});
afterEach(() => rmSync(paths.home, { recursive: true }));

function put(path: string, content: unknown): void {
  mkdirSync(dirname(join(paths.home, path)), { recursive: true });
  writeFileSync(join(paths.home, path), JSON.stringify(content));
}
const stored = () => JSON.parse(readFileSync(paths.masterConfig, "utf8"));

function send(method: string, path: string, body?: unknown, ifMatch?: string) {
  return app.request(`/config${path}`, {
    method,
    headers: {
      "Content-Type": "application/json",
      ...(ifMatch === undefined ? {} : { "If-Match": ifMatch }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
}

async function read() {
  const response = await send("GET", "/master");
  const tag = response.headers.get("ETag") ?? "";
  return { tag, config: ConfigAnswer.parse(await response.json()) };
}

const changed = async (response: Response | Promise<Response>) =>
  ConfigChanged.parse(await (await response).json());

async function refused(response: Response | Promise<Response>) {
  const answer = await response;
  const { error } = ErrorBody.parse(await answer.json());
  return { status: answer.status, ...error };
}

describe("revisions", () => {
  test("a read has its revision, which changes with the content and with an edit by hand", async () => {
    const one = await read();
    expect(one.tag).toBe(`"${one.config[ABOUT].revision}"`);
    const done = await changed(send("PATCH", "/master", { public_domain: "a.example" }));
    const two = await read();
    expect(two.tag).toBe(`"${done.revision}"`);
    expect(two.tag).not.toBe(one.tag);
    put(".luna/master_config.json", { ...stored(), public_domain: "b.example" });
    const three = await read();
    expect(three.tag).not.toBe(two.tag);
    expect(three.config).toMatchObject({ public_domain: "b.example" });
    // Laid out otherwise it is the same.
    put(".luna/master_config.json", stored());
    expect((await read()).tag).toBe(three.tag);
  });

  test("two writers with one revision: the second is refused, and told both versions", async () => {
    const { tag, config } = await read();
    const yours = { ...config, public_domain: "second.example" };
    const first = { ...config, public_domain: "first.example" };
    expect((await send("PUT", "/master", first, tag)).status).toBe(200);
    const { status, code, details } = await refused(send("PUT", "/master", yours, tag));
    expect({ status, code }).toEqual({ status: 409, code: "conflict" });
    const both = ConfigConflict.parse(details);
    expect(both.yours).toMatchObject({ public_domain: "second.example" });
    expect(both.current).toMatchObject({ public_domain: "first.example" });
    expect(`"${both.revision}"`).toBe((await read()).tag);
    expect(stored().public_domain).toBe("first.example");
    expect((await send("PUT", "/master", yours, `"${both.revision}"`)).status).toBe(200);
    expect(stored().public_domain).toBe("second.example");
  });

  test("an edit by hand in between is not lost either", async () => {
    const { tag, config } = await read();
    put(".luna/master_config.json", { public_domain: "by.hand" });
    for (const [method, path] of [
      ["PUT", "/master"],
      ["PATCH", "/master"],
      ["PATCH", "/master/extensions/notes"],
      ["PATCH", "/master/tool/NOTES_GET_all"],
    ] as const) {
      expect((await refused(send(method, path, config, tag))).status).toBe(409);
    }
    expect(stored().public_domain).toBe("by.hand");
  });

  test("of many writers with one revision, exactly one gets through", async () => {
    const { tag, config } = await read();
    const names = Array.from({ length: 20 }, (_, index) => `${index}.example`);
    const answers = await Promise.all(
      names.map((public_domain) => send("PUT", "/master", { ...config, public_domain }, tag)),
    );
    const through = names.filter((_, index) => answers[index]?.status === 200);
    expect(through).toHaveLength(1);
    expect(answers.filter(({ status }) => status === 409)).toHaveLength(19);
    expect(stored().public_domain).toBe(through[0]);
  });

  test("a replacement that does not say of what is 428; a patch needs no revision, and neither loses anything", async () => {
    expect((await refused(send("PUT", "/master", {}))).status).toBe(428);
    const patches = Array.from({ length: 20 }, (_, index) =>
      send("PATCH", `/master/extensions/notes_${index}`, { enabled: false }),
    );
    for (const answer of await Promise.all(patches)) expect(answer.status).toBe(200);
    expect(Object.keys(stored().extensions)).toHaveLength(20);
    expect((await send("PUT", "/master", {}, "*")).status).toBe(200);
    expect(stored().extensions).toEqual({});
  });
});

describe("secrets", () => {
  const HASH = "a".repeat(64);
  const server = {
    name: "desk",
    key_hash: HASH,
    key_hint: "1234",
    created_at: "2026-01-01T00:00:00Z",
  };
  const secret = {
    service_api_keys: { "notes.web": "plain-service-key" },
    mcp_servers: { desk: { ...server, api_key: "plain-mcp-key" } },
    extensions: { notes: { config: { password: "plain-password", theme: "dark", copy: KEPT } } },
    remote_mcp_servers: { one: { url: "https://mcp.example.com/?key=plain-url-key" } },
  };

  test("do not come out, and survive whoever sends back what came", async () => {
    put(".luna/master_config.json", secret);
    const { tag, config } = await read();
    expect(JSON.stringify(config)).not.toMatch(/plain-|\.env/);
    expect(config).toMatchObject({ extensions: { notes: { config: { theme: "dark" } } } });
    expect(
      (await send("PUT", "/master", { ...config, public_domain: "x.example" }, tag)).status,
    ).toBe(200);
    const { service_api_keys: _, ...others } = secret;
    expect(stored()).toMatchObject({ ...others, public_domain: "x.example" });
    // The key that stood there in the clear goes on as its hash.
    const key_hash = hashSecret("plain-service-key");
    expect(stored().service_api_keys).toMatchObject({ "notes.web": { key_hash } });
    const shallow = { config: { theme: "light" } };
    expect((await send("PATCH", "/master/extensions/notes", shallow)).status).toBe(200);
    expect(stored().extensions.notes.config).toEqual({
      password: "plain-password",
      theme: "light",
      copy: KEPT,
    });
    expect(JSON.stringify(audit.events)).not.toMatch(/plain-|\.env/);
  });

  test("are in neither version of a conflict", async () => {
    put(".luna/master_config.json", secret);
    const { details } = await refused(send("PUT", "/master", secret, '"old"'));
    expect(JSON.stringify(details)).not.toMatch(/plain-|\.env/);
    expect(ConfigConflict.parse(details).current).toMatchObject({ mcp_servers: { desk: server } });
  });

  test("one can be taken away by name", async () => {
    put(".luna/master_config.json", secret);
    const patch = { extensions: { notes: { config: { password: null } } } };
    expect((await send("PATCH", "/master", patch)).status).toBe(200);
    expect(stored().extensions.notes.config).toEqual({ theme: "dark", copy: KEPT });
  });
});

describe("what is refused names the field", () => {
  test.each([
    [{ deployment_mode: "cloud" }, "deployment_mode"],
    [{ limits: { core: { pids: 1 } } }, "limits.core.pids"],
    [{ extensions: { notes: { enabled: "yes" } } }, "extensions.notes.enabled"],
    [{ extensions: { "../x": {} } }, "extensions.../x"],
    [{ extensions: { supervisor: {} } }, "extensions.supervisor"],
    [{ mcp_servers: { desk: { name: "desk" } } }, "mcp_servers.desk.key_hash"],
    [{ deep: JSON.parse(`${'{"a":'.repeat(200)}1${"}".repeat(200)}`) }, "200"],
  ])("%#", async (patch, field) => {
    const before = statSync(paths.luna, { bigint: true }).mtimeNs;
    const { status, message } = await refused(send("PATCH", "/master", patch));
    expect(status).toBe(422);
    if (field !== "200") expect(message).toContain(field);
    expect(statSync(paths.luna, { bigint: true }).mtimeNs).toBe(before);
  });

  test("a file that somebody is mending is not replaced", async () => {
    put(".luna/master_config.json", {});
    await read();
    writeFileSync(paths.masterConfig, "{ oops");
    expect((await read()).config[ABOUT].problem).toContain("line 1, column 3");
    expect((await refused(send("PATCH", "/master", { public_domain: "x" }))).message).toContain(
      "line 1",
    );
    expect(readFileSync(paths.masterConfig, "utf8")).toBe("{ oops");
  });
});

describe("what the environment decides", () => {
  test("counts, is told, and is written back by nobody", async () => {
    put(".luna/master_config.json", { deployment_mode: "local", public_domain: "file.example" });
    await begin({ PUBLIC_DOMAIN: "env.example", DEPLOYMENT_MODE: "ngrok" });
    const { tag, config } = await read();
    expect(config).toMatchObject({ public_domain: "env.example", deployment_mode: "ngrok" });
    expect(config[ABOUT].overrides).toEqual([
      { field: "deployment_mode", variable: "DEPLOYMENT_MODE", stored: "local" },
      { field: "public_domain", variable: "PUBLIC_DOMAIN", stored: "file.example" },
    ]);
    expect((await send("PUT", "/master", { ...config, mine: 1 }, tag)).status).toBe(200);
    expect(stored()).toMatchObject({
      public_domain: "file.example",
      deployment_mode: "local",
      mine: 1,
    });
    expect(stored()).not.toHaveProperty(ABOUT);
    const done = await changed(send("PATCH", "/master", { public_domain: "new.example" }));
    expect(stored().public_domain).toBe("new.example");
    // The variable goes on deciding, so no restart would change anything.
    expect(done.needs_restart).toEqual([]);
  });

  test("one that is no mode at all counts for nothing", async () => {
    await begin({ DEPLOYMENT_MODE: "cloud" });
    expect((await read()).config[ABOUT].overrides).toEqual([]);
  });
});

test("what counts from the next start is said, until it is as it was", async () => {
  const done = await changed(
    send("PATCH", "/master", {
      public_domain: "x.example",
      limits: { core: { pids: 99 } },
      logs: { files_kept: 2 },
    }),
  );
  expect(done.changed).toEqual(["limits.core.pids", "logs.files_kept", "public_domain"]);
  expect(done.needs_restart).toEqual(["limits.core", "public_domain"]);
  expect((await read()).config[ABOUT].needs_restart).toEqual(["limits.core", "public_domain"]);
  const undone = await changed(send("PATCH", "/master", { public_domain: "", limits: null }));
  expect(undone.needs_restart).toEqual([]);
});

test("each writer is recorded, with the names of what changed; an edit by hand is told apart", async () => {
  await send("PATCH", "/master/extensions/notes", { config: { theme: "hunter2" } });
  await send("PATCH", "/master/tool/NOTES_GET_all", { passthrough: true });
  await send("PATCH", "/master", { deployment_mode: "hunter2" });
  expect(audit.events).toMatchObject([
    {
      action: "config.change",
      target: "notes",
      outcome: "ok",
      details: { changed: ["extensions.notes"] },
    },
    {
      target: "NOTES_GET_all",
      outcome: "ok",
      details: { changed: ["tool_configs.NOTES_GET_all"] },
    },
    { target: "master_config.json", outcome: "failed" },
  ]);
  expect(audit.events[0]?.actor).toEqual({ kind: "owner", name: "me" });
  expect(JSON.stringify(audit.events.map(({ details }) => details?.["changed"]))).not.toContain(
    "hunter2",
  );
  expect(changes).toBe(2);
});

describe("extensions", () => {
  beforeEach(() => {
    put("extensions/notes/config.json", { theme: "light", api_key: "plain-key" });
    put("extensions/notes/tools/tool_config.json", {
      A: { enabled_in_mcp: true, passthrough: true },
    });
    put("extensions/bad/config.json", { ui: 1 });
  });

  test("sync tells what agrees, what was skipped, and what is wrong with which file", async () => {
    put(".luna/master_config.json", { extensions: { gone: {} } });
    const answer = await (await send("POST", "/sync")).json();
    expect(answer).toMatchObject({
      ...{ success: true, synced: ["notes"], skipped: ["gone"] },
      problems: [{ extension: "bad", file: "config.json", field: "ui" }],
    });
    expect(stored()).toMatchObject({
      extensions: { gone: {}, notes: { enabled: true, source: "local", config: {} } },
      tool_configs: { A: { enabled_in_mcp: true, passthrough: true } },
    });
    expect(changes).toBe(1);
  });

  test("a setting reaches the extension's file at once, and a tool's too", async () => {
    await send("POST", "/sync");
    const settings = { enabled: false, config: { theme: "dark", other: 1 } };
    await send("PATCH", "/master/extensions/notes", settings);
    const shown = await (await send("GET", "/extension/notes")).json();
    expect(shown).toMatchObject({ theme: "dark", enabled: false, source: "local" });
    expect(shown).not.toHaveProperty("other");
    expect(shown).not.toHaveProperty("api_key");
    await send("PATCH", "/master/tool/A", { enabled_in_mcp: false });
    const file = join(paths.extensions, "notes/tools/tool_config.json");
    expect(JSON.parse(readFileSync(file, "utf8"))).toEqual({ A: { enabled_in_mcp: false } });
  });

  test("a manifest that is not there is 404, and a name that is none 422", async () => {
    expect((await send("GET", "/extension/none")).status).toBe(404);
    expect((await send("GET", "/extension/..%2Fnotes")).status).toBe(422);
  });
});
