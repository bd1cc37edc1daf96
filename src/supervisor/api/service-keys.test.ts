/** Tests of services' keys over HTTP, on a real configuration, and of auth's check of what is kept there. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { Hono } from "hono";
import { MemoryTrail } from "../../../tests/support/memory-trail.ts";
import { MasterConfigStore } from "../../config/master-config.ts";
import { type Paths, pathsOf } from "../../config/paths.ts";
import { NewServiceKey, ServiceKeyList, ServiceKeyView } from "../../contract/service-keys.ts";
import { onError } from "../../lib/app.ts";
import { createLogger } from "../../lib/log.ts";
import { ServiceKeyCheck } from "../../services/auth/service-keys.ts";
import { ServiceKeys } from "../service-keys.ts";
import { serviceKeysRoutes } from "./service-keys.ts";

let paths: Paths;
let app: Hono;
let audit: MemoryTrail;
let check: ServiceKeyCheck;
let now: number;

function put(path: string, content: unknown): void {
  mkdirSync(dirname(join(paths.home, path)), { recursive: true });
  writeFileSync(join(paths.home, path), JSON.stringify(content));
}

beforeEach(() => {
  paths = pathsOf(mkdtempSync(join(tmpdir(), "luna-service-keys-")));
  mkdirSync(paths.luna);
  const exposed = { requires_port: true, public_exposure: { require_api_key: true } };
  for (const service of ["web", "worker"]) put(`extensions/notes/services/${service}/start.sh`, "");
  put("extensions/notes/services/web/service_config.json", exposed);
  audit = new MemoryTrail();
  now = Date.now();
  const serviceKeys = new ServiceKeys({ paths, config: new MasterConfigStore(paths.masterConfig) });
  // Another process, which only reads the file.
  const config = new MasterConfigStore(paths.masterConfig);
  check = new ServiceKeyCheck({ config, clock: () => now });
  const callerOf = () => ({ actor: { kind: "owner" as const, name: "me" }, address: null });
  const log = createLogger("test", [], () => undefined);
  const routes = serviceKeysRoutes({ serviceKeys, audit, callerOf });
  app = new Hono().onError(onError(log)).route("/service-keys", routes);
});
afterEach(() => rmSync(paths.home, { recursive: true }));

async function call(method: string, path: string, body?: object) {
  const headers = { "Content-Type": "application/json" };
  const init = { method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) };
  const answer = await app.request(`/service-keys${path}`, init);
  return { status: answer.status, body: await answer.json() };
}

const file = () => readFileSync(paths.masterConfig, "utf8");
const made = async (path: string, body?: object) =>
  NewServiceKey.parse((await call("POST", path, body)).body);

test("a key is shown once, kept as its hash, and opens its service until it is deleted", async () => {
  const { api_key, ...view } = await made("/notes/web");
  expect(api_key).toMatch(/^sk-luna-service-[\w-]{43}$/);
  expect(view).toMatchObject({
    service: "notes.web",
    is_required: true,
    previous_expires_at: null,
  });
  expect(file()).not.toContain(api_key);
  const listed = ServiceKeyList.parse((await call("GET", "/list")).body);
  expect(listed).toEqual({ "notes.web": view });
  expect(ServiceKeyView.parse((await call("GET", "/notes/web")).body)).toEqual(view);
  expect(await check.opens("notes.web", api_key)).toBe(true);
  expect(await check.opens("notes.worker", api_key)).toBe(false);
  expect(await check.opens("notes.web", "")).toBe(false);
  expect(await check.opens("__proto__", api_key)).toBe(false);
  expect((await call("DELETE", "/notes/web")).body).toEqual({ deleted: true });
  expect(await check.opens("notes.web", api_key)).toBe(false);
  expect((await call("GET", "/list")).body).toEqual({});
  expect(audit.events.map(({ action, target, outcome }) => [action, target, outcome])).toEqual([
    ["key.create", "notes.web", "ok"],
    ["key.revoke", "notes.web", "ok"],
  ]);
  expect(JSON.stringify(audit.events)).not.toContain(api_key);
});

test("another key ends the one before at once, or after its grace", async () => {
  const first = await made("/notes/web");
  const second = await made("/notes/web/regenerate", { grace_s: 60 });
  const both = () =>
    Promise.all([first, second].map(({ api_key }) => check.opens("notes.web", api_key)));
  expect(await both()).toEqual([true, true]);
  now += 61_000;
  expect(await both()).toEqual([false, true]);
  now -= 61_000;
  const third = await made("/notes/web/regenerate", {});
  expect(await both()).toEqual([false, false]);
  expect(await check.opens("notes.web", third.api_key)).toBe(true);
});

test("a key that stands there in the clear works, is not shown, and can be replaced", async () => {
  put(".luna/master_config.json", { service_api_keys: { "notes.web": "plain-key-1234" } });
  expect(await check.opens("notes.web", "plain-key-1234")).toBe(true);
  const { body } = await call("GET", "/list");
  expect(body).toMatchObject({ "notes.web": { key_hint: "1234", created_at: null } });
  expect(JSON.stringify(body)).not.toContain("plain-key");
  const { api_key } = await made("/notes/web/regenerate", { grace_s: 60 });
  expect(await check.opens("notes.web", "plain-key-1234")).toBe(true);
  expect(await check.opens("notes.web", api_key)).toBe(true);
  expect(file()).not.toContain("plain-key");
});

test("what cannot be is refused in words, and changes nothing", async () => {
  await made("/notes/worker");
  const before = file();
  for (const [method, path, body, status] of [
    ["POST", "/notes/none", undefined, 404],
    ["POST", "/none/web", undefined, 404],
    ["POST", "/notes/worker", undefined, 409],
    ["POST", "/notes/web/regenerate", {}, 404],
    ["POST", "/notes/worker/regenerate", { grace_s: -1 }, 422],
    ["POST", "/notes/worker/regenerate", { grace_s: 1e9 }, 422],
    ["DELETE", "/notes/web", undefined, 404],
    ["GET", "/notes/constructor", undefined, 422],
    ["POST", "/__proto__/web", undefined, 422],
    ["POST", "/..%2F/web", undefined, 422],
  ] as const) {
    expect((await call(method, path, body)).status, path).toBe(status);
  }
  expect(file()).toBe(before);
});
