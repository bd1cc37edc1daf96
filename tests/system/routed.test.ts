/** Extensions' paths through the real Caddy and auth as it is: who passes, what arrives, and what stays behind. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { RoutesTable } from "../../src/contract/routes.ts";
import { assertionKey, verifyAssertion } from "../../src/lib/assertion.ts";
import { hashSecret } from "../../src/lib/secret.ts";
import type { AuthHarness } from "../support/auth-harness.ts";
import {
  CREDENTIALS,
  type Edge,
  freePort,
  rawRequest,
  refusal,
  SocketWithHeaders,
  seen,
  seenRaw,
  startEdge,
  startUpstream,
  type Upstream,
} from "../support/edge.ts";
import { until } from "../support/until.ts";

const NAVIGATION = { "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Site": "none" };
/** Longer than Caddy's patience with a process that is being started, and than the start of a Caddy. */
const PATIENCE_TIMEOUT_MS = 15_000;

let edge: Edge;
let auth: AuthHarness;
let session: string;
/** The UI and the services of the extension "notes", and the one of "whole", whose paths stay whole. */
let extensions: Record<"ui" | "backend" | "web" | "whole" | "open", Upstream>;
/** Keys of exposed services, by `<extension>.<service>`; what is put here counts from the next request. */
const service_api_keys: Record<string, unknown> = {};
/** Tells the request line as it came, which `fetch` and `URL` would tidy. */
let raw: Server;
let rawPort: number;
const downPort = freePort();

const portOf = ({ server }: Upstream): number => server.port ?? 0;

function table(): RoutesTable {
  const stripped = { strip_prefix: true };
  const whole = { port: portOf(extensions.whole), strip_prefix: false };
  return {
    extensions: {
      notes: {
        ui: { port: portOf(extensions.ui), ...stripped, enforce_trailing_slash: true },
        services: {
          web: { port: portOf(extensions.web), ...stripped },
          backend: { port: portOf(extensions.backend), ...stripped },
        },
      },
      whole: { ui: { ...whole, enforce_trailing_slash: false }, services: { main: whole } },
      raw: {
        ui: { port: rawPort, ...stripped, enforce_trailing_slash: true },
        services: { kept: { port: rawPort, strip_prefix: false } },
      },
      exposed: {
        ui: null,
        services: {
          inner: { port: portOf(extensions.backend), ...stripped },
          keyed: { port: portOf(extensions.web), ...stripped, access: "key", cors: true },
          open: {
            ...{ port: portOf(extensions.open), ...stripped, access: "open", cors: true },
            prefix: "/api/exposed/v1/public",
          },
          plain: { port: portOf(extensions.open), strip_prefix: false, access: "open" },
        },
      },
      down: {
        ui: { port: downPort, ...stripped, enforce_trailing_slash: true },
        services: { main: { port: downPort, ...stripped } },
      },
    },
  };
}

const write = (routes: RoutesTable) => writeFile(edge.paths.routes, JSON.stringify(routes));

beforeAll(async () => {
  edge = await startEdge({ service_api_keys });
  ({ auth, session } = edge);
  extensions = {
    ui: startUpstream("ui"),
    backend: startUpstream("backend"),
    web: startUpstream("web"),
    whole: startUpstream("whole"),
    open: startUpstream("open"),
  };
  raw = createServer((request, response) => void response.end(request.url));
  await new Promise<void>((resolve) => raw.listen(0, "127.0.0.1", resolve));
  const address = raw.address();
  rawPort = typeof address === "object" ? (address?.port ?? 0) : 0;
});
beforeEach(() => write(table()));
afterAll(async () => {
  await edge.stop();
  raw.close();
  for (const { server } of Object.values(extensions)) await server.stop(true);
});

function ask(path: string, headers: Record<string, string> = {}, init: RequestInit = {}) {
  return fetch(`${edge.url}${path}`, { redirect: "manual", headers, ...init });
}

/** As a page of Luna's own asks. */
function own(path: string, headers: Record<string, string> = {}, init: RequestInit = {}) {
  const page = { Origin: edge.url, "Sec-Fetch-Site": "same-origin" };
  const Cookie = headers["Cookie"] === undefined ? session : `${headers["Cookie"]}; ${session}`;
  return ask(path, { ...page, ...headers, Cookie }, init);
}

const counts = () => Object.values(extensions).map(({ requests }) => requests.length);

describe("where a path leads", () => {
  test.each([
    ["/ext/notes/", "ui", "/"],
    ["/ext/notes/a/b.js?v=1&w=%2F", "ui", "/a/b.js?v=1&w=%2F"],
    ["/ext/whole", "whole", "/ext/whole"],
    ["/ext/whole/", "whole", "/ext/whole/"],
    ["/ext/whole/@vite/client?t=1", "whole", "/ext/whole/@vite/client?t=1"],
    ["/api/notes", "backend", "/"],
    ["/api/notes?q=1", "backend", "/?q=1"],
    ["/api/notes/", "backend", "/"],
    ["/api/notes/items/1?q=1", "backend", "/items/1?q=1"],
    ["/api/notes/backend/items", "backend", "/items"],
    ["/api/notes/web/items", "web", "/items"],
    ["/api/notes/web", "web", "/"],
    ["/api/whole/items", "whole", "/api/whole/items"],
    ["/api/whole/main/items", "whole", "/api/whole/main/items"],
  ])("%s to %s as %s", async (path, upstream, arrives) => {
    expect(await seen(await own(path))).toMatchObject({ upstream, path: arrives, method: "GET" });
  });

  test("the slash that is missing is added, with the query", async () => {
    const answer = await own("/ext/notes?a=%20b&c", NAVIGATION);
    expect(answer.status).toBe(308);
    expect(answer.headers.get("Location")).toBe("/ext/notes/?a=%20b&c");
  });

  test("what no extension serves is a 404 JSON", async () => {
    const not_found = { status: 404, code: "not_found" };
    for (const path of ["/ext/unknown/", "/ext/unknown", "/api/unknown/x", "/api/", "/ext/"]) {
      expect(await refusal(await own(path))).toEqual(not_found);
    }
    expect(await refusal(await ask("/api/unknown/x"))).toEqual(not_found);
    expect(await refusal(await ask("/api/unknown", {}, { method: "POST", body: "x" }))).toEqual(
      not_found,
    );
  });

  test("Luna's own paths are not asked for", async () => {
    expect((await seen(await own("/api/supervisor/overview"))).upstream).toBe("supervisor");
    expect((await seen(await ask("/api/mcp-notes/mcp"))).upstream).toBe("mcp");
    expect((await seen(await own("/ext"))).upstream).toBe("hub");
    expect((await seen(await own("/extensions"))).upstream).toBe("hub");
  });

  test("a moved extension is found at once, and no open connection is cut", async () => {
    const { port } = edge;
    const messages: string[] = [];
    const socket = new SocketWithHeaders(`ws://127.0.0.1:${port}/ext/notes/live`, {
      headers: { Cookie: session, Origin: edge.url },
    });
    socket.onmessage = ({ data }) => messages.push(String(data));
    await new Promise((resolve) => {
      socket.onopen = resolve;
    });
    const moved = table();
    const { notes } = moved.extensions;
    if (notes?.ui == null) throw new Error("the table has no UI");
    notes.ui.port = portOf(extensions.whole);
    await write(moved);
    expect((await seen(await own("/ext/notes/"))).upstream).toBe("whole");
    socket.send("still here");
    await until(() => messages.includes("still here"), { what: "the echo" });
    socket.close();
  });
});

describe("what arrives", () => {
  test.each([
    "/",
    "/?",
    "/a%20b",
    "/a+b",
    "/%C3%A9t%C3%A9",
    "/%E6%97%A5%E6%9C%AC?q=%E6%97%A5",
    "/100%25",
    "/%2520",
    "/a%3Fb?c",
    "/a%23b",
    "/a%3Bb;c,d",
    "/a%26b&c=d",
    "/~user/@:$",
    "/%7Btoken%7D/{env.SUPERVISOR_API_TOKEN}",
    "/{http.request.header.X-Luna-Upstream}",
    "/ext/raw/x",
    "/x?a=1&a=2&b&c=&=d&&e==f",
    "/x?a;b=1;c",
    "/x?q=%zz&r=%",
    "/x?q=a+b%20c%2Bd%26e%3D",
    "/x?to=http://x.example/../?y#",
    "/x?q={env.SUPERVISOR_API_TOKEN}",
    "/x???",
  ])("%s, as it was sent", async (rest) => {
    const headers = [`Cookie: ${session}`];
    const stripped = await rawRequest(edge.port, { target: `/ext/raw${rest}`, headers });
    const kept = await rawRequest(edge.port, { target: `/api/raw${rest}`, headers });
    const sent = { status: 200, stripped: stripped.body, kept: kept.body };
    // Braces are no characters of a path (RFC 3986): Caddy encodes them.
    const arrives = rest.replace(/^[^?]*/, (path) =>
      path.replaceAll("{", "%7B").replaceAll("}", "%7D"),
    );
    expect(sent).toEqual({ status: 200, stripped: arrives, kept: `/api/raw${arrives}` });
  });

  test("marks that Caddy encodes when it takes a prefix off mean the same", async () => {
    const target = "/ext/raw/(x)!*'";
    const { body } = await rawRequest(edge.port, { target, headers: [`Cookie: ${session}`] });
    expect(decodeURIComponent(body)).toBe("/(x)!*'");
  });

  test("bytes of a body, whatever the method", async () => {
    const body = new Uint8Array(3 * 1024 * 1024).fill(7);
    for (const method of ["POST", "PUT", "PATCH", "DELETE"]) {
      const answer = await seen(await own("/api/notes/upload", {}, { method, body }));
      expect(answer).toMatchObject({ upstream: "backend", method, path: "/upload" });
      expect(answer.size).toBe(body.byteLength);
    }
  });

  test("who is asking, signed; the public address; the prefix that was taken off", async () => {
    const { headers } = await seen(await own("/api/notes/web/x"));
    const key = assertionKey(CREDENTIALS.authToken);
    const who = verifyAssertion(headers["x-luna-identity"] ?? "", { key, now: auth.time.now });
    expect(who?.name).toBe("owner");
    expect(headers["host"]).toBe(`127.0.0.1:${edge.port}`);
    expect(headers["x-forwarded-host"]).toBe(`127.0.0.1:${edge.port}`);
    expect(headers["x-forwarded-proto"]).toBe("http");
    expect(headers["x-forwarded-for"]).toBe("127.0.0.1");
    expect(headers["x-forwarded-prefix"]).toBe("/api/notes/web");
    expect(headers["origin"]).toBe(edge.url);
    const whole = await seen(await own("/api/whole/x"));
    expect(whole.headers["x-forwarded-prefix"]).toBeUndefined();
  });

  test("nothing that opens Luna's own doors", async () => {
    const { headers } = await seen(await own("/api/notes/x"));
    const names = Object.keys(headers);
    expect(names).not.toContain("cookie");
    expect(names).not.toContain("authorization");
    expect(names.filter((name) => name.startsWith("x-luna"))).toEqual(["x-luna-identity"]);
    expect(JSON.stringify(headers)).not.toContain("canary");
    for (const key of ["Bearer sk-luna-own", "bearer  SK-LUNA-own"]) {
      const keyed = await seen(await own("/api/notes/x", { Authorization: key }));
      expect(keyed.headers["authorization"]).toBeUndefined();
    }
  });

  test("the extension's own authorization", async () => {
    for (const Authorization of ["Bearer own-token", "Basic dTpw"]) {
      const { headers } = await seen(await own("/api/notes/x", { Authorization }));
      expect(headers["authorization"]).toBe(Authorization);
    }
  });

  test.each([
    ["SESSION", ""],
    ["SESSION; theme=dark", "theme=dark"],
    ["theme=dark; SESSION", "theme=dark"],
    ["a=1; SESSION; b=2", "a=1; b=2"],
    ["a=1;SESSION;b=2", "a=1;b=2"],
    ["a=1;\tSESSION ;\tb=2", "a=1;\tb=2"],
    ["SESSION; luna_session=other; __Host-luna_session=third; b=2", "b=2"],
    ["SESSION; a=1; luna_session=other; b=2", "a=1; b=2"],
    ["SESSION;;luna_session =other", ""],
    ["my_luna_session=1; luna_sessions=2; SESSION", "my_luna_session=1; luna_sessions=2"],
    ["a=luna_session; SESSION", "a=luna_session"],
  ])("of the cookies %j, all but the session: %j", async (template, arrives) => {
    const Cookie = template.replace("SESSION", session);
    const answer = await rawRequest(edge.port, {
      target: "/ext/notes/",
      headers: [`Cookie: ${Cookie}`],
    });
    expect(answer.status).toBe(200);
    const { headers } = seenRaw(answer);
    expect(headers["cookie"] ?? "").toBe(arrives);
  });

  test("of several Cookie lines, none has the session", async () => {
    const answer = await rawRequest(edge.port, {
      target: "/ext/notes/",
      headers: ["Cookie: a=1", `Cookie: ${session}`, "Cookie: b=2"],
    });
    const { cookie } = seenRaw(answer).headers;
    expect(cookie?.match(/\w+=\w+/g)).toEqual(["a=1", "b=2"]);
  });
});

describe("who may pass", () => {
  test("nobody without a session: a person signs in, a program gets 401", async () => {
    const before = counts();
    const person = await ask("/ext/notes/x?y=1", NAVIGATION);
    expect(person.status).toBe(302);
    expect(person.headers.get("Location")).toBe("/login?returnTo=%2Fext%2Fnotes%2Fx%3Fy%3D1");
    const unauthorized = { status: 401, code: "unauthorized" };
    for (const headers of [
      {},
      { Authorization: `Bearer ${CREDENTIALS.agentKey}` },
      { Authorization: `Bearer ${CREDENTIALS.authToken}` },
      { Cookie: "luna_session=wrong" },
    ]) {
      for (const path of ["/ext/notes/", "/api/notes/x", "/ext/notes"]) {
        expect(await refusal(await ask(path, headers))).toEqual(unauthorized);
      }
    }
    expect(counts()).toEqual(before);
  });

  test("no foreign page that changes something", async () => {
    const before = counts();
    for (const foreign of [
      { Origin: "http://evil.example" },
      { "Sec-Fetch-Site": "cross-site", Origin: "null" },
      {},
    ]) {
      const post = { method: "POST", body: "x" };
      const answer = await ask("/api/notes/x", { Cookie: session, ...foreign }, post);
      expect(await refusal(answer)).toEqual({ status: 403, code: "forbidden" });
    }
    expect(counts()).toEqual(before);
  });

  test("forged answers of auth lead nowhere", async () => {
    const before = counts();
    const elsewhere = `127.0.0.1:${portOf(extensions.whole)}`;
    const forged = [
      `X-Luna-Upstream: ${elsewhere}`,
      `X_Luna_Upstream: ${elsewhere}`,
      `X-Luna_Upstream: ${elsewhere}`,
      "X-Luna-Prefix: -",
      "X_Luna_Prefix: -",
      "X-Luna-Identity: forged.identity",
      "X_Luna_Identity: forged.identity",
      "X-Forwarded-Uri: /ext/whole/",
      "X-Forwarded-Prefix: /forged",
      "X-Forwarded-Method: GET",
    ];
    for (const target of ["/ext/notes/", "/ext/unknown/", "/api/notes/x"]) {
      expect((await rawRequest(edge.port, { target, headers: forged })).status).toBe(401);
    }
    expect(counts()).toEqual(before);
    const headers = [...forged, `Cookie: ${session}`];
    const passed = await rawRequest(edge.port, { target: "/ext/notes/", headers });
    const answer = seenRaw(passed);
    expect(answer).toMatchObject({ upstream: "ui", path: "/" });
    expect(JSON.stringify(answer)).not.toContain("forged");
    expect(JSON.stringify(answer)).not.toContain(elsewhere);
    expect((await rawRequest(edge.port, { target: "/ext/unknown/", headers })).status).toBe(404);
  });

  test.each([
    "/ext/notes/../whole/",
    "/ext/notes/%2e%2e/whole/",
    "/ext/notes/..%2fwhole/",
    "/ext/notes/..%5cwhole/",
    "/ext//whole/",
    "//ext/whole/",
    "/ext/notes%2f..%2fwhole/",
    "/ext/notes/%00",
    "/EXT/whole/",
    "/ext/WHOLE/",
    "/ext/%77hole/",
    "/%65xt/whole/",
    "/ext/whole;x/",
    "/ext/notes@127.0.0.1:1/",
    "/ext/127.0.0.1:9999/",
    "/api/__proto__/x",
    "http://127.0.0.1/ext/../ext/whole/",
  ])("%s reaches no other extension", async (target) => {
    const before = counts();
    const { status } = await rawRequest(edge.port, { target, headers: [`Cookie: ${session}`] });
    expect([400, 404]).toContain(status);
    expect(counts()).toEqual(before);
  });

  test("a name that contains another's is another's", async () => {
    for (const path of ["/ext/notes2/", "/api/notesx/y", "/ext/note/", "/api/notes.whole/"]) {
      expect((await own(path)).status).toBe(404);
    }
  });
});

describe("services that are exposed", () => {
  const KEY = "sk-luna-service-0123456789abcdef";
  const OTHER = "sk-luna-service-of-another-service";
  const bearer = (key: string) => ({ Authorization: `Bearer ${key}` });
  const kept = (key: string, more: object = {}) => ({
    ...{ key_hash: hashSecret(key), key_hint: key.slice(-4) },
    ...{ created_at: "2026-01-01T00:00:00Z", ...more },
  });
  const FOREIGN = { Origin: "https://elsewhere.example", "Sec-Fetch-Site": "cross-site" };
  const unauthorized = { status: 401, code: "unauthorized" };

  beforeEach(() => {
    for (const name of Object.keys(service_api_keys)) delete service_api_keys[name];
    service_api_keys["exposed.keyed"] = kept(KEY);
    service_api_keys["exposed.inner"] = kept(OTHER);
  });

  test("an open one takes anyone, from anywhere, by each of its paths, and nobody's name goes along", async () => {
    for (const [path, arrives] of [
      ["/api/exposed/open/x?y=1", "/x?y=1"],
      ["/api/exposed/v1/public/x", "/x"],
      ["/api/exposed/v1/public", "/"],
      ["/api/exposed/plain/x", "/api/exposed/plain/x"],
    ] as const) {
      const body = "x";
      for (const init of [{}, { method: "POST", body }]) {
        const answer = await seen(await ask(path, FOREIGN, init));
        expect(answer).toMatchObject({ upstream: "open", path: arrives });
        expect(Object.keys(answer.headers).filter((name) => name.startsWith("x-luna"))).toEqual([]);
      }
    }
    const { headers } = await seen(await own("/api/exposed/open/x", bearer("sk-luna-own")));
    expect(headers["cookie"]).toBeUndefined();
    expect(headers["authorization"]).toBeUndefined();
    expect(headers["x-luna-identity"]).toBeUndefined();
    const its = await seen(await ask("/api/exposed/open/x", bearer("its-own")));
    expect(its.headers["authorization"]).toBe("Bearer its-own");
    expect(its.headers["x-forwarded-prefix"]).toBe("/api/exposed/open");
  });

  test("its neighbours ask for a session all the same", async () => {
    const before = counts();
    for (const path of [
      ...["/api/exposed/inner/x", "/api/exposed", "/api/exposed/x", "/api/exposed/v1/x"],
      ...["/api/exposed/v1/publicity", "/api/exposed/Open/x", "/api/exposed/opened"],
    ]) {
      expect(await refusal(await ask(path, bearer(OTHER))), path).toEqual(unauthorized);
    }
    for (const path of ["/api/exposed/open/../inner/x", "/api/exposed/open/..%2finner/x"]) {
      expect((await rawRequest(edge.port, { target: path })).status, path).toBe(400);
    }
    expect(counts()).toEqual(before);
  });

  test("one with a key takes that key, which does not reach it, and no other", async () => {
    const answer = await seen(await ask("/api/exposed/keyed/x", bearer(KEY)));
    expect(answer).toMatchObject({ upstream: "web", path: "/x" });
    expect(JSON.stringify(answer)).not.toContain(KEY);
    expect(Object.keys(answer.headers).filter((name) => name.startsWith("x-luna"))).toEqual([]);
    const before = counts();
    for (const headers of [
      {},
      bearer(OTHER),
      bearer(`${KEY}x`),
      bearer(hashSecret(KEY)),
      bearer(CREDENTIALS.agentKey),
      bearer(CREDENTIALS.authToken),
      { Authorization: `Basic ${btoa(`x:${KEY}`)}` },
      { "X-Api-Key": KEY },
      { "X-Luna-Presented": `Bearer ${KEY}` },
      { X_Luna_Presented: `Bearer ${KEY}` },
      { Cookie: "luna_session=wrong" },
      // A wrong key is told, whoever is signed in.
      { ...bearer(OTHER), Cookie: session },
    ] as Record<string, string>[]) {
      const refused = await ask("/api/exposed/keyed/x", headers);
      expect(await refusal(refused), JSON.stringify(headers)).toEqual(unauthorized);
    }
    expect(counts()).toEqual(before);
  });

  test("a key counts as long as it is there; the one before for as long as it goes on", async () => {
    const status = async (key: string) => (await ask("/api/exposed/keyed/x", bearer(key))).status;
    const previous_expires_at = new Date(auth.time.now + 60_000).toISOString();
    service_api_keys["exposed.keyed"] = kept(OTHER, {
      ...{ previous_hash: hashSecret(KEY), previous_expires_at },
    });
    expect([await status(KEY), await status(OTHER)]).toEqual([200, 200]);
    const { now } = auth.time;
    auth.time.now += 60_001;
    expect([await status(KEY), await status(OTHER)]).toEqual([401, 200]);
    auth.time.now = now;
    // Written there by somebody's hand.
    service_api_keys["exposed.keyed"] = "plain-key-of-somebody";
    expect([await status(OTHER), await status("plain-key-of-somebody")]).toEqual([401, 200]);
    const given = await seen(await ask("/api/exposed/keyed/x", bearer("plain-key-of-somebody")));
    expect(given.headers["authorization"]).toBeUndefined();
    delete service_api_keys["exposed.keyed"];
    expect([await status(KEY), await status(OTHER)]).toEqual([401, 401]);
  });

  test("the owner's own pages use it with their session; no other site's page does", async () => {
    const mine = await seen(await own("/api/exposed/keyed/x", {}, { method: "POST", body: "x" }));
    expect(mine).toMatchObject({ upstream: "web", path: "/x" });
    expect(mine.headers["x-luna-identity"]).toBeString();
    const before = counts();
    for (const foreign of [FOREIGN, { ...FOREIGN, "Sec-Fetch-Site": "same-site" }, {}]) {
      const init = { method: "POST", body: "x" };
      const refused = await ask("/api/exposed/keyed/x", { ...foreign, Cookie: session }, init);
      expect(await refusal(refused)).toEqual({ status: 403, code: "forbidden" });
    }
    expect(counts()).toEqual(before);
    // What the session opens, other sites' pages may not read.
    const read = await ask("/api/exposed/keyed/x", { ...FOREIGN, Cookie: session });
    expect(read.headers.get("Access-Control-Allow-Origin")).toBeNull();
  });

  test("other sites' pages are let in where that is said, and never with cookies", async () => {
    const before = counts();
    const asked = { "Access-Control-Request-Method": "PUT", ...FOREIGN };
    for (const path of ["/api/exposed/open/x", "/api/exposed/keyed/x"]) {
      const preflight = await ask(path, asked, { method: "OPTIONS" });
      expect(preflight.status).toBe(204);
      expect(preflight.headers.get("Access-Control-Allow-Origin")).toBe("*");
      expect(preflight.headers.get("Access-Control-Allow-Methods")).toContain("PUT");
      expect(preflight.headers.get("Access-Control-Allow-Headers")).toBe("*, Authorization");
      expect(preflight.headers.has("Access-Control-Allow-Credentials")).toBe(false);
    }
    const refused = await ask("/api/exposed/keyed/x", { ...FOREIGN, ...bearer(OTHER) });
    expect(refused.status).toBe(401);
    expect(refused.headers.get("Access-Control-Allow-Origin")).toBe("*");
    expect(counts()).toEqual(before);
    for (const [path, headers] of [
      ["/api/exposed/open/own-headers", {}],
      ["/api/exposed/keyed/own-headers", bearer(KEY)],
    ] as const) {
      const answer = await ask(path, { ...FOREIGN, ...headers });
      expect(answer.headers.get("Access-Control-Allow-Origin")).toBe("*");
      expect(answer.headers.get("Cross-Origin-Resource-Policy")).toBe("cross-origin");
      expect(answer.headers.has("Access-Control-Allow-Credentials")).toBe(false);
    }
    // An open one that does not say so answers such questions itself.
    const itself = await ask("/api/exposed/plain/x", asked, { method: "OPTIONS" });
    expect(await seen(itself)).toMatchObject({ upstream: "open", method: "OPTIONS" });
    expect(itself.headers.has("Access-Control-Allow-Origin")).toBe(false);
    // And one that wants a session says nothing to anybody.
    const inner = await ask("/api/exposed/inner/x", asked, { method: "OPTIONS" });
    expect(inner.status).toBe(401);
    expect(inner.headers.has("Access-Control-Allow-Origin")).toBe(false);
  });

  test("sockets and streams pass as other requests do", async () => {
    const opened = (path: string, headers: Record<string, string>) =>
      new Promise<string>((resolve) => {
        const socket = new SocketWithHeaders(`ws://127.0.0.1:${edge.port}${path}`, { headers });
        socket.onopen = () => socket.send("hello");
        socket.onmessage = ({ data }) => {
          resolve(String(data));
          socket.close();
        };
        socket.onclose = () => resolve("closed");
        socket.onerror = () => resolve("closed");
      });
    expect(await opened("/api/exposed/open/live", FOREIGN)).toBe("hello");
    expect(await opened("/api/exposed/keyed/live", { ...FOREIGN, ...bearer(KEY) })).toBe("hello");
    expect(await opened("/api/exposed/keyed/live", bearer(OTHER))).toBe("closed");
    expect(await opened("/api/exposed/keyed/live", { ...FOREIGN, Cookie: session })).toBe("closed");
    expect(await opened("/api/exposed/inner/live", bearer(OTHER))).toBe("closed");
    const client = new AbortController();
    const stream = await ask("/api/exposed/open/stream", {}, { signal: client.signal });
    const first = await stream.body?.getReader().read();
    expect(new TextDecoder().decode(first?.value)).toBe("data: first\n\n");
    client.abort();
    await until(() => extensions.open.streams.open === 0, { what: "the upstream's abort" });
  });

  test("what was open a moment ago is not any more", async () => {
    expect((await ask("/api/exposed/open/x")).status).toBe(200);
    const closed = table();
    const { exposed } = closed.extensions;
    const open = exposed?.services["open"];
    if (open === undefined) throw new Error("the table has no such service");
    open.access = "session";
    await write(closed);
    expect(await refusal(await ask("/api/exposed/open/x"))).toEqual(unauthorized);
    delete exposed?.services["open"];
    await write(closed);
    expect(await refusal(await ask("/api/exposed/open/x"))).toEqual(unauthorized);
  });
});

describe("streams", () => {
  test.each(["/ext/notes/stream", "/api/notes/web/stream", "/api/whole/stream"])(
    "%s: the first event comes at once, and a client that goes away cancels",
    async (path) => {
      const client = new AbortController();
      const open = () => Object.values(extensions).reduce((sum, one) => sum + one.streams.open, 0);
      const response = await own(path, {}, { signal: client.signal });
      const first = await response.body?.getReader().read();
      expect(new TextDecoder().decode(first?.value)).toBe("data: first\n\n");
      expect(open()).toBe(1);
      client.abort();
      await until(() => open() === 0, { timeoutMs: 3_000, what: "the upstream's abort" });
    },
  );

  test.each(["/ext/notes/live", "/api/notes/web/live"])(
    "%s: WebSocket passes with a session, not without, not from a foreign page",
    async (path) => {
      const url = `ws://127.0.0.1:${edge.port}${path}`;
      const opened = (headers: Record<string, string>) =>
        new Promise<string>((resolve) => {
          const socket = new SocketWithHeaders(url, { headers });
          socket.onopen = () => socket.send("hello");
          socket.onmessage = (event) => {
            resolve(String(event.data));
            socket.close();
          };
          socket.onclose = () => resolve("closed");
          socket.onerror = () => resolve("closed");
        });
      expect(await opened({ Cookie: session, Origin: edge.url })).toBe("hello");
      const before = counts();
      expect(await opened({ Origin: edge.url })).toBe("closed");
      expect(await opened({ Cookie: session, Origin: "http://evil.example" })).toBe("closed");
      expect(await opened({ Cookie: session })).toBe("closed");
      expect(counts()).toEqual(before);
    },
  );
});

describe("what comes back", () => {
  test("the extension's own policy, or one that lets only the Hub frame it", async () => {
    const plain = await own("/ext/notes/");
    expect(plain.headers.get("Content-Security-Policy")).toBe("frame-ancestors 'self'");
    expect(plain.headers.get("X-Content-Type-Options")).toBe("nosniff");
    const strict = await own("/ext/notes/own-policy");
    expect(strict.headers.get("Content-Security-Policy")).toBe("sandbox");
    for (const refused of [await ask("/ext/notes/"), await own("/ext/unknown/")]) {
      expect(refused.headers.get("Content-Security-Policy")).toContain("default-src 'none'");
    }
  });

  test("no cookie in the session's name, nothing that reaches beyond the extension", async () => {
    const { headers } = await own("/ext/notes/own-headers");
    expect(headers.getSetCookie().filter((cookie) => cookie !== "")).toEqual([
      "theme=dark; Path=/ext/notes/",
      "my_luna_session=1",
    ]);
    for (const reserved of [
      "Cross-Origin-Opener-Policy",
      "Cross-Origin-Opener-Policy-Report-Only",
      "Clear-Site-Data",
      "Service-Worker-Allowed",
      "NEL",
      "Report-To",
      "Alt-Svc",
      "Access-Control-Allow-Credentials",
    ]) {
      expect(headers.get(reserved), reserved).toBeNull();
    }
    expect(headers.get("X-Own")).toBe("kept");
  });
});

test("no service worker, wherever its script lies", async () => {
  const before = counts();
  for (const path of ["/ext/notes/sw.js", "/ext/whole", "/api/notes", "/theme.js", "/"]) {
    const answer = await own(path, { "Service-Worker": "script" });
    expect(await refusal(answer)).toEqual({ status: 403, code: "forbidden" });
  }
  expect(counts()).toEqual(before);
});

describe("failures", () => {
  test(
    "an extension that is down is 503 JSON, after the time that a restart may take",
    async () => {
      const [page, post] = await Promise.all([
        own("/ext/down/"),
        own("/api/down/x", {}, { method: "POST", body: "{}" }),
      ]);
      for (const answer of [page, post]) {
        expect(answer.headers.get("Retry-After")).toBe("1");
        expect(await answer.clone().text()).toContain("This extension or service does not answer");
        expect(await refusal(answer)).toEqual({ status: 503, code: "unavailable" });
      }
    },
    PATIENCE_TIMEOUT_MS,
  );

  test("requests wait for an extension that is being restarted", async () => {
    const read = own("/api/down/x?y=%20z");
    const removed = own("/api/down/x", {}, { method: "DELETE" });
    // By the time of this answer Caddy has been refused for both.
    await own("/ext/notes/");
    const restarted = startUpstream("restarted", downPort);
    try {
      expect(await seen(await read)).toMatchObject({ upstream: "restarted", path: "/x?y=%20z" });
      expect(await seen(await removed)).toMatchObject({ upstream: "restarted", method: "DELETE" });
    } finally {
      await restarted.server.stop(true);
    }
  });

  test("a request that an extension took and dropped is not sent again", async () => {
    let connections = 0;
    const dropping = Bun.listen({
      hostname: "127.0.0.1",
      port: 0,
      socket: {
        data: (socket) => {
          connections += 1;
          socket.end();
        },
      },
    });
    const moved = table();
    const { down } = moved.extensions;
    if (down?.ui == null) throw new Error("the table has no UI");
    down.ui.port = dropping.port;
    await write(moved);
    const answer = await own("/ext/down/x", {}, { method: "POST", body: "once" });
    expect(await refusal(answer)).toEqual({ status: 502, code: "unavailable" });
    expect(connections).toBe(1);
    dropping.stop(true);
  });

  test.each(["Upstream", "Scheme", "Prefix", "Identity", "Exposure"].map((one) => `X-Luna-${one}`))(
    "auth's answer without %s, or with an odd one, is 503 and reaches nobody",
    async (missing) => {
      const good: Record<string, string> = {
        "X-Luna-Upstream": `127.0.0.1:${portOf(extensions.ui)}`,
        "X-Luna-Scheme": "http",
        "X-Luna-Prefix": "ext/notes",
        "X-Luna-Identity": "signed.identity",
        "X-Luna-Exposure": "-",
      };
      let headers: Record<string, string> = good;
      const other = await startEdge({
        auth: () => new Response(null, { status: 204, headers }),
      });
      try {
        expect((await fetch(`${other.url}/ext/notes/x`)).status).toBe(200);
        const before = counts();
        const hosts = ["10.0.0.1:80", "localhost:80", "127.0.0.1", "127.0.0.1:80/x"];
        const odd = missing === "X-Luna-Upstream" ? hosts : [];
        for (const value of [...odd, undefined, "", "{http.request.host}", "10.0.0.1:80,", "a b"]) {
          const { [missing]: _, ...rest } = good;
          headers = value === undefined ? rest : { ...rest, [missing]: value };
          const answer = await fetch(`${other.url}/ext/notes/x`);
          expect(await refusal(answer), `${value}`).toEqual({ status: 503, code: "unavailable" });
          expect(counts(), `${value}`).toEqual(before);
        }
      } finally {
        await other.stop();
      }
    },
    PATIENCE_TIMEOUT_MS,
  );
});
