/** What the Hub's service answers to browsers, and to everything that is none. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { brotliCompressSync, brotliDecompressSync, gzipSync } from "node:zlib";
import { createLogger } from "../../lib/log.ts";
import { createHubApp, encodingsFor } from "./app.ts";

const PAGE = "<!doctype html><head><title>Luna</title></head>";
const FRAMED = '<!doctype html><title>__APP__</title><iframe src="/ext/__APP__/"></iframe>';
const SCRIPT = "console.log('luna');".repeat(100);
let folder: string;
let app: ReturnType<typeof createHubApp>;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "luna-hub-"));
  const files: Record<string, string | Buffer> = {
    "index.html": PAGE,
    "framed-app.html": FRAMED,
    "app.js": SCRIPT,
    "app.js.br": brotliCompressSync(SCRIPT),
    "app.js.gz": gzipSync(SCRIPT),
    "favicon.svg": "<svg/>",
  };
  for (const [name, content] of Object.entries(files)) {
    await Bun.write(join(folder, name), content);
  }
  const assets = {
    "/index.html": join(folder, "index.html"),
    "/framed-app.html": join(folder, "framed-app.html"),
    "/assets/app-1a2b.js": join(folder, "app.js"),
    "/assets/app-1a2b.js.br": join(folder, "app.js.br"),
    "/assets/app-1a2b.js.gz": join(folder, "app.js.gz"),
    "/favicon.svg": join(folder, "favicon.svg"),
  };
  app = createHubApp({ assets, log: createLogger("hub") });
});

afterAll(async () => {
  await rm(folder, { recursive: true });
});

const NAVIGATION = { Accept: "text/html,application/xhtml+xml", "Sec-Fetch-Mode": "navigate" };

async function ask(path: string, headers: Record<string, string> = {}, method = "GET") {
  return await app.request(path, { method, headers: { Host: "127.0.0.1:5173", ...headers } });
}

test("an address of the Hub gets the page, which nobody frames or reaches, and from no cache", async () => {
  for (const path of ["/", "/tools", "/tools/NOTES_CREATE_note", "/index"]) {
    const answer = await ask(path, NAVIGATION);
    expect(answer.status).toBe(200);
    expect(await answer.text()).toBe(PAGE);
    expect(answer.headers.get("Content-Type")).toBe("text/html; charset=utf-8");
    expect(answer.headers.get("Cache-Control")).toBe("no-store");
    expect(answer.headers.get("ETag")).toBeNull();
    expect(answer.headers.get("Cross-Origin-Opener-Policy")).toBe("same-origin");
    const policy = answer.headers.get("Content-Security-Policy");
    expect(policy).toContain("frame-ancestors 'none'");
    expect(policy).toContain("frame-src 'none'");
  }
});

const TOKEN = "t".repeat(43);

test("the page token is in the page that auth gave it to, and what is none never is", async () => {
  const answer = await ask("/tools", { ...NAVIGATION, "X-Luna-Page": TOKEN });
  expect(await answer.text()).toContain(`<meta name="luna-page" content="${TOKEN}" />`);
  expect(answer.headers.get("Content-Encoding")).toBeNull();
  for (const odd of ["-", "", "{http.reverse_proxy.header.X-Luna-Page}", `${TOKEN}">`]) {
    expect(await (await ask("/", { ...NAVIGATION, "X-Luna-Page": odd })).text()).toBe(PAGE);
  }
});

test("the page around an extension's UI names it, and never has a token", async () => {
  for (const path of ["/apps/notes", "/apps/notes/"]) {
    const answer = await ask(path, { ...NAVIGATION, "X-Luna-Page": TOKEN });
    expect(answer.status).toBe(200);
    expect(await answer.text()).toBe(FRAMED.replaceAll("__APP__", "notes"));
    expect(answer.headers.get("Cross-Origin-Opener-Policy")).toBeNull();
    expect(answer.headers.get("Content-Security-Policy")).toContain("frame-src 'self'");
  }
  for (const path of ["/apps/a%22b", "/apps/A", "/apps/%3Cscript%3E", "/apps/mcp-x"]) {
    expect((await ask(path, NAVIGATION)).status).toBe(404);
  }
  expect((await ask("/framed-app.html", NAVIGATION)).status).toBe(404);
});

test("what is no navigation, or looks like a file, is a 404 in JSON", async () => {
  const asked = [
    ask("/tools", { Accept: "*/*" }),
    ask("/tools", { ...NAVIGATION, "Sec-Fetch-Mode": "cors" }),
    ask("/assets/gone-9z.js", NAVIGATION),
    ask("/.well-known/oauth-protected-resource", NAVIGATION),
    ask("/__proto__", { Accept: "*/*" }),
    ask("/", NAVIGATION, "POST"),
  ];
  for (const answer of await Promise.all(asked)) {
    expect(answer.status).toBe(404);
    expect(await answer.json()).toMatchObject({ error: { code: "not_found" } });
  }
});

test("hashed files are kept forever, others are asked for again", async () => {
  const script = await ask("/assets/app-1a2b.js");
  expect(script.headers.get("Cache-Control")).toBe("public, max-age=31536000, immutable");
  expect(script.headers.get("Content-Type")).toBe("text/javascript; charset=utf-8");
  const icon = await ask("/favicon.svg");
  expect(icon.headers.get("Cache-Control")).toBe("no-cache");
  expect(icon.headers.get("Content-Type")).toBe("image/svg+xml");
});

test("the smallest variant that the browser takes is sent, each with its own tag", async () => {
  const plain = await ask("/assets/app-1a2b.js");
  const brotli = await ask("/assets/app-1a2b.js", { "Accept-Encoding": "gzip, deflate, br" });
  const gzip = await ask("/assets/app-1a2b.js", { "Accept-Encoding": "gzip, br;q=0" });
  expect(brotli.headers.get("Content-Encoding")).toBe("br");
  expect(brotliDecompressSync(await brotli.arrayBuffer()).toString()).toBe(SCRIPT);
  expect(gzip.headers.get("Content-Encoding")).toBe("gzip");
  expect(plain.headers.get("Content-Encoding")).toBeNull();
  expect(await plain.text()).toBe(SCRIPT);
  const answers = [plain, brotli, gzip];
  expect(new Set(answers.map((answer) => answer.headers.get("ETag"))).size).toBe(3);
  for (const answer of answers) expect(answer.headers.get("Vary")).toBe("Accept-Encoding");
});

test("a known tag gets 304 without a body", async () => {
  const etag = (await ask("/favicon.svg")).headers.get("ETag") ?? "";
  expect(etag).toMatch(/^"[\w-]+"$/);
  for (const tag of [etag, `W/${etag}`, `"other", ${etag}`, "*"]) {
    const again = await ask("/favicon.svg", { "If-None-Match": tag });
    expect(again.status).toBe(304);
    expect(await again.text()).toBe("");
    expect(again.headers.get("ETag")).toBe(etag);
  }
  expect((await ask("/favicon.svg", { "If-None-Match": '"other"' })).status).toBe(200);
});

test("HEAD answers like GET, without the body", async () => {
  const answer = await ask("/assets/app-1a2b.js", {}, "HEAD");
  expect(answer.status).toBe(200);
  expect(answer.headers.get("ETag")).toBe(
    (await ask("/assets/app-1a2b.js")).headers.get("ETag") ?? "none",
  );
  expect(await answer.text()).toBe("");
});

test("readiness answers, a foreign Host does not", async () => {
  expect(await (await ask("/healthz")).json()).toEqual({ status: "ok" });
  expect((await ask("/", { ...NAVIGATION, Host: "evil.example" })).status).toBe(403);
});

test.each([
  ["", []],
  ["identity", []],
  ["gzip", ["gzip"]],
  ["gzip, deflate, br, zstd", ["br", "gzip"]],
  ["BR;q=0.5, gzip;q=1.0", ["br", "gzip"]],
  ["br;q=0, gzip;q=0.000", []],
])("encodings of %p", (header, expected) => {
  expect<string[]>(encodingsFor(header)).toEqual(expected);
});
