/** The store: the embedded index, and a fetched one with everything that can be wrong with it. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { until } from "../../../tests/support/until.ts";
import { StoreExtension } from "../../contract/store.ts";
import { BUNDLED } from "../../extensions/bundled.generated.ts";
import { createLogger } from "../../lib/log.ts";
import { EMBEDDED_INDEX } from "./embedded.ts";
import { installSource, repositoryOf } from "./entries.ts";
import { Store } from "./store.ts";

const HOUR_MS = 3_600_000;
const INDEX = {
  version: "1.0",
  last_updated: "2026-11-01",
  repository: "github:someone/store",
  extensions: [
    { id: "todo", name: "Todo", type: "embedded", path: "embedded/todo", version: "01-07-25" },
    { id: "far", name: "Far", type: "external", source: "github:a/b#x", sha256: "ab".repeat(32) },
    { id: "bad", type: "embedded" },
    "no object",
    {
      id: "thief",
      name: "Thief",
      type: "external",
      source: "upload:a.zip",
      preview_url: "javascript:0",
    },
  ],
  categories: [{ id: "home", name: "Home" }],
  external_services: [{ name: "postgres", service_definition: { commands: {} }, extra: 1 }],
};

let folder: string;
let now: number;
let url: string | undefined;
let server: Bun.Server<undefined>;
let requests: Request[];
let answer: (request: Request) => Response | Promise<Response>;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "luna-store-"));
  now = Date.parse("2026-11-26T06:00:00Z");
  requests = [];
  answer = () => Response.json(INDEX, { headers: { ETag: '"1"' } });
  server = Bun.serve({
    ...{ hostname: "127.0.0.1", port: 0, development: false },
    fetch: (request) => {
      requests.push(request);
      return answer(request);
    },
  });
  url = `http://127.0.0.1:${server.port}/registry.json`;
});
afterEach(async () => {
  await server.stop(true);
  await rm(folder, { recursive: true });
});

const path = () => join(folder, "store.json");
const open = () =>
  new Store({
    ...{ path: path(), embedded: EMBEDDED_INDEX, clock: () => now },
    settings: async () => ({ url, refresh_ms: 24 * HOUR_MS }),
    log: createLogger("test", [], () => undefined),
    bounds: { answer_ms: 300, silence_ms: 300, total_ms: 1_000 },
  });

test("what is in the program is what it says", async () => {
  const manifest = JSON.parse(BUNDLED["notes/config.json"] ?? "");
  const { TOOLS } = await import("../../../extensions/notes/tools/notes_tools.ts");
  const [notes] = EMBEDDED_INDEX.extensions.map((entry) => StoreExtension.parse(entry));
  expect(notes).toMatchObject({
    ...{ id: manifest.name, version: manifest.version, description: manifest.description },
    tool_count: TOOLS.length,
  });
});

test("without an address nobody is asked", async () => {
  url = undefined;
  const view = await open().view();
  expect(view).toMatchObject({
    ...{ origin: "embedded", url: null, fetched_at: null, age_s: null, error: null },
    is_refreshing: false,
  });
  expect(view.extensions).toMatchObject([{ id: "notes", install_source: "bundled:notes" }]);
  expect(requests).toEqual([]);
});

describe("a fetched index", () => {
  test("is shown once it is there, kept, and asked for again after its time", async () => {
    const store = open();
    expect(await store.view()).toMatchObject({ origin: "embedded", is_refreshing: false });
    await until(async () => (await store.view()).origin === "fetched");
    const view = await store.view();
    expect(view.extensions.map(({ id, install_source }) => [id, install_source])).toEqual([
      ["notes", "bundled:notes"],
      ["todo", "github:someone/store:embedded/todo"],
      ["far", "github:a/b"],
      ["thief", null],
    ]);
    expect(view.extensions.at(-1)?.preview_url).toBeUndefined();
    expect(view.external_services).toMatchObject([{ name: "postgres", extra: 1 }]);
    expect(view.problems).toEqual([
      expect.stringContaining("extensions[2] is left out: name"),
      expect.stringContaining("extensions[3] is left out"),
    ]);
    expect(view).toMatchObject({ age_s: 0, error: null, fetched_at: "2026-11-26T06:00:00.000Z" });
    // Another start, within its time.
    now += 23 * HOUR_MS;
    const next = open();
    expect(await next.view()).toMatchObject({ origin: "fetched", age_s: (23 * HOUR_MS) / 1000 });
    await next.refreshIfDue();
    expect(requests.length).toBe(1);
    now += HOUR_MS;
    answer = (request) =>
      new Response(null, { status: request.headers.has("If-None-Match") ? 304 : 500 });
    await next.refreshIfDue();
    expect(requests.at(-1)?.headers.get("If-None-Match")).toBe('"1"');
    expect(await next.view()).toMatchObject({ age_s: 0, origin: "fetched" });
  });

  test("gives checksums by source", async () => {
    const store = open();
    await store.refresh();
    expect(await store.checksumOf("github:a/b")).toBe("ab".repeat(32));
    expect(await store.checksumOf("github:someone/store:embedded/todo")).toBeUndefined();
  });

  test.each([
    ["a server that is down", () => new Response("no", { status: 503 }), "answered 503"],
    ["no JSON", () => new Response("<html>"), "not JSON"],
    ["JSON of something else", () => Response.json([1]), "expected object"],
    ["entries that are no list", () => Response.json({ extensions: {} }), "extensions"],
    ["too much", () => new Response("x".repeat(5 * 1024 ** 2)), "is over 4194304 bytes"],
    ["silence", () => new Promise<never>(() => undefined), "no answer came"],
    ["a way out", () => Response.redirect("http://example.com/", 302), "not https://"],
  ])("%s keeps the old one, and says why", async (_what, wrong, why) => {
    const store = open();
    await store.refresh();
    const kept = await readFile(path(), "utf8");
    now += 25 * HOUR_MS;
    answer = wrong;
    await store.refreshIfDue();
    expect(await store.view()).toMatchObject({
      ...{ origin: "fetched", age_s: (25 * HOUR_MS) / 1000 },
      error: expect.stringContaining(why),
    });
    expect(await readFile(path(), "utf8")).toBe(kept);
    // Not again at once, but before the usual time.
    const count = requests.length;
    await store.refreshIfDue();
    expect(requests.length).toBe(count);
    now += HOUR_MS;
    answer = () => Response.json(INDEX);
    await store.refreshIfDue();
    expect(await store.view()).toMatchObject({ error: null, age_s: 0 });
  });

  test("of another address is another store's", async () => {
    const store = open();
    await store.refresh();
    url = `${url}?other`;
    answer = () => new Response("", { status: 404 });
    expect((await store.view()).origin).toBe("embedded");
  });

  test("that cannot be read is fetched again", async () => {
    await writeFile(path(), '{"url":');
    const store = open();
    expect((await store.view()).origin).toBe("embedded");
    await store.refresh();
    expect((await store.view()).origin).toBe("fetched");
  });

  test("is not waited for at the end", async () => {
    answer = () => new Promise<never>(() => undefined);
    const store = open();
    const refreshing = store.refresh();
    await until(() => requests.length === 1);
    store.stop();
    await refreshing;
    expect(existsSync(path())).toBe(false);
  });
});

test("where a store's own extensions lie", () => {
  const raw = "https://raw.githubusercontent.com/owner/repo/main/registry.json";
  expect(repositoryOf({ ...EMBEDDED_INDEX }, raw)).toBe("github:owner/repo");
  expect(repositoryOf({ ...EMBEDDED_INDEX, repository: "github:a/b" }, raw)).toBe("github:a/b");
  expect(repositoryOf({ ...EMBEDDED_INDEX }, "https://x.example/r.json")).toBeUndefined();
  const entry = StoreExtension.parse({ id: "x", name: "x", type: "embedded", path: "a/x" });
  expect(installSource({ ...entry, ref: "v1" }, "github:a/b")).toBe("github:a/b@v1:a/x");
  expect(installSource({ ...entry, path: "../../x" }, "github:a/b")).toBeNull();
  expect(installSource(entry, undefined)).toBeNull();
});
