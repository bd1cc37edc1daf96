/** Tests of Caddy's question where an extension's path leads: who may pass, and what the table's file does to it. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  AUTH_TOKEN,
  type AuthHarness,
  DOCUMENT,
  PUBLIC_HOST,
  startAuth,
} from "../../../tests/support/auth-harness.ts";
import { ErrorBody } from "../../contract/error.ts";
import type { RoutesTable } from "../../contract/routes.ts";

const OWN = { Origin: `http://${PUBLIC_HOST}`, "Sec-Fetch-Site": "same-origin" };
const NAVIGATION = { "Sec-Fetch-Mode": "navigate", Accept: "text/html" };

const folder = await mkdtemp(join(tmpdir(), "luna-auth-routes-"));
const routes = join(folder, "routes.json");
let auth: AuthHarness;
let Cookie: string;

function tableWith(port: number): RoutesTable {
  const notes = {
    ui: { port, strip_prefix: true, enforce_trailing_slash: true },
    services: {
      backend: { port: port + 100, strip_prefix: false },
      keyed: { port: port + 200, strip_prefix: true, access: "key" as const, cors: true },
    },
  };
  return { extensions: { notes } };
}

async function codeOf(answer: Response): Promise<string> {
  return ErrorBody.parse(await answer.json()).error.code;
}

beforeAll(async () => {
  const service_api_keys = { "notes.keyed": "the-key" };
  const setup = { routes, service_api_keys };
  auth = await startAuth({ dialect: "sqlite", path: join(folder, "luna.db") }, setup);
  Cookie = await auth.signIn();
});
beforeEach(() => writeFile(routes, JSON.stringify(tableWith(5200))));
afterAll(async () => {
  await auth.close();
  await rm(folder, { recursive: true, force: true });
});

test("a session is told where to, what to take off, and who it is", async () => {
  const ui = await auth.route("/ext/notes/x?y", { Cookie });
  expect(ui.status).toBe(204);
  expect(ui.headers.get("X-Luna-Upstream")).toBe("127.0.0.1:5200");
  expect(ui.headers.get("X-Luna-Prefix")).toBe("ext/notes");
  const verified = await auth.verify({ Cookie });
  expect(ui.headers.get("X-Luna-Identity")).toBe(verified.headers.get("X-Luna-Identity"));
  const whole = await auth.route("/api/notes/x", { Cookie });
  expect(whole.headers.get("X-Luna-Upstream")).toBe("127.0.0.1:5300");
  expect(whole.headers.get("X-Luna-Prefix")).toBe("-");
});

test("a service with a key of its own leads nobody without it anywhere, and says so to nobody", async () => {
  const asked = (headers: Record<string, string>) => auth.route("/api/notes/keyed/x", headers);
  const passed = await asked({ "X-Luna-Presented": "Bearer the-key" });
  expect(Object.fromEntries(passed.headers)).toMatchObject({
    ...{ "x-luna-upstream": "127.0.0.1:5400", "x-luna-prefix": "api/notes/keyed" },
    ...{ "x-luna-exposure": "key;cors", "x-luna-identity": "-" },
  });
  const owner = await asked({ Cookie });
  expect(owner.headers.get("X-Luna-Exposure")).toBe("-");
  expect(owner.headers.get("X-Luna-Identity")).not.toBe("-");
  for (const headers of [
    {},
    { "X-Luna-Presented": "Bearer other" },
    { Cookie: "luna_session=x" },
  ]) {
    const answer = await asked(headers as Record<string, string>);
    expect(answer.status).toBe(401);
    expect([...answer.headers.keys()].filter((name) => name.startsWith("x-luna"))).toEqual([]);
  }
  expect(auth.audit.events.at(-1)).toMatchObject({
    ...{ action: "request.refused", target: "/api/notes/keyed/x", outcome: "refused" },
  });
  expect(JSON.stringify(auth.audit.events)).not.toContain("Bearer");
});

test("the slash that is missing is added for who may pass", async () => {
  const answer = await auth.route("/ext/notes?a=%20b", { Cookie });
  expect(answer.status).toBe(308);
  expect(answer.headers.get("Location")).toBe("/ext/notes/?a=%20b");
  expect((await auth.route("/ext/notes", {})).status).toBe(401);
});

describe("without a session", () => {
  test("a person signs in first, whether the extension exists or not", async () => {
    for (const path of ["/ext/notes/", "/ext/notes", "/ext/unknown/"]) {
      const answer = await auth.route(path, NAVIGATION);
      expect(answer.status).toBe(302);
      expect(answer.headers.get("Location")).toBe(`/login?returnTo=${encodeURIComponent(path)}`);
      expect(answer.headers.has("X-Luna-Upstream")).toBe(false);
    }
  });

  test("a program gets 401, and 404 where there is no such API", async () => {
    for (const path of ["/ext/notes/", "/ext/unknown/", "/api/notes/x"]) {
      const answer = await auth.route(path, {});
      expect(answer.status).toBe(401);
      expect(answer.headers.has("X-Luna-Upstream")).toBe(false);
      expect(await codeOf(answer)).toBe("unauthorized");
    }
    for (const headers of [{}, NAVIGATION, { "X-Forwarded-Method": "POST" }]) {
      const answer = await auth.route("/api/unknown/x", headers);
      expect(answer.status).toBe(404);
      expect(await codeOf(answer)).toBe("not_found");
    }
  });

  test("only Caddy may ask", async () => {
    const headers = { Cookie, "X-Forwarded-Uri": "/ext/notes/" };
    for (const Authorization of ["", "Bearer wrong"]) {
      const answer = await auth.request("/route", { headers: { ...headers, Authorization } });
      expect(answer.status).toBe(401);
      expect(answer.headers.has("X-Luna-Upstream")).toBe(false);
    }
  });
});

test("an unknown extension is a 404 JSON", async () => {
  for (const path of ["/ext/unknown/", "/ext/", "/api/unknown", "/api/"]) {
    const answer = await auth.route(path, { Cookie, ...NAVIGATION });
    expect(answer.status).toBe(404);
    expect(await codeOf(answer)).toBe("not_found");
    expect(answer.headers.has("X-Luna-Upstream")).toBe(false);
  }
});

test("a foreign page may not change anything, nor open a WebSocket", async () => {
  const changes = { Cookie, "X-Forwarded-Method": "POST" };
  const socket = { Cookie, Upgrade: "websocket" };
  for (const facts of [changes, socket]) {
    expect((await auth.route("/api/notes/x", { ...facts, ...OWN })).status).toBe(204);
    for (const foreign of [
      { Origin: "http://evil.example" },
      { "Sec-Fetch-Site": "cross-site" },
      {},
    ]) {
      const answer = await auth.route("/api/notes/x", { ...facts, ...foreign });
      expect(answer.status).toBe(403);
      expect(answer.headers.has("X-Luna-Upstream")).toBe(false);
    }
  }
});

describe("the page token", () => {
  const token = /^[A-Za-z0-9_-]{43}$/;
  const pageFor = async (headers: Record<string, string>): Promise<string | null> =>
    (await auth.verify({ Cookie, ...headers }, "issue")).headers.get("X-Luna-Page");

  test("is one for each session, and the same however often it is asked for", async () => {
    const page = await auth.pageOf(Cookie);
    expect(page).toMatch(token);
    expect(await auth.pageOf(Cookie)).toBe(page);
    expect(await auth.pageOf(await auth.signIn())).not.toBe(page);
  });

  test("is for documents of a window alone", async () => {
    expect(await pageFor(DOCUMENT)).toMatch(token);
    const others: Record<string, string>[] = [
      {},
      { "Sec-Fetch-Mode": "navigate" },
      { "Sec-Fetch-Dest": "document" },
      ...["iframe", "frame", "object", "embed", "empty", "fencedframe", "worker", "Document"].map(
        (destination) => ({ ...DOCUMENT, "Sec-Fetch-Dest": destination }),
      ),
      ...["cors", "no-cors", "same-origin"].map((mode) => ({
        ...DOCUMENT,
        "Sec-Fetch-Mode": mode,
      })),
      { ...DOCUMENT, "Sec-Purpose": "prefetch" },
      { ...DOCUMENT, "Sec-Purpose": "prefetch;prerender" },
      { ...DOCUMENT, Purpose: "prefetch" },
      { ...DOCUMENT, "Service-Worker-Navigation-Preload": "true" },
      { ...DOCUMENT, "X-Forwarded-Method": "HEAD" },
      { ...DOCUMENT, "X-Forwarded-Method": "POST", ...OWN },
    ];
    for (const headers of others) expect(await pageFor(headers), JSON.stringify(headers)).toBe("-");
    for (const policy of ["none", "changes"] as const) {
      const answer = await auth.verify({ Cookie, ...DOCUMENT }, policy);
      expect(answer.headers.get("X-Luna-Page")).toBe("-");
    }
  });

  test("is needed for a change, or always, or never, as the row says", async () => {
    const page = await auth.pageOf(Cookie);
    const others = await auth.pageOf(await auth.signIn());
    const read = { Cookie };
    const change = { Cookie, ...OWN, "X-Forwarded-Method": "DELETE" };
    expect((await auth.verify(read, "changes")).status).toBe(204);
    expect((await auth.verify(change, "none")).status).toBe(204);
    for (const [headers, policy] of [
      [change, "changes"],
      [read, "always"],
      [change, "always"],
    ] as const) {
      for (const wrong of [
        undefined,
        "",
        "-",
        others,
        `${page}x`,
        page.slice(1),
        `${page},${page}`,
      ]) {
        const sent = wrong === undefined ? headers : { ...headers, "X-Luna-Page": wrong };
        const answer = await auth.verify(sent, policy);
        expect(answer.status).toBe(403);
        expect(await codeOf(answer)).toBe("page_token_required");
        expect(answer.headers.has("X-Luna-Identity")).toBe(false);
      }
      expect((await auth.verify({ ...headers, "X-Luna-Page": page }, policy)).status).toBe(204);
    }
  });

  test("a row that says nothing known asks for it always", async () => {
    for (const query of ["", "?page=", "?page=all", "?page=none%20"]) {
      const headers = {
        Cookie,
        Authorization: `Bearer ${AUTH_TOKEN}`,
        "X-Forwarded-Method": "GET",
      };
      expect((await auth.request(`/verify${query}`, { headers })).status).toBe(403);
    }
  });

  test("is no session: without one it opens nothing", async () => {
    const page = await auth.pageOf(Cookie);
    const answer = await auth.verify({ "X-Luna-Page": page, Accept: "*/*" }, "always");
    expect(answer.status).toBe(401);
  });

  test("guards what changes the owner's account, in auth itself", async () => {
    const page = await auth.pageOf(Cookie);
    const change = (headers: Record<string, string>) =>
      auth.request("/auth/account/anything", { method: "POST", headers: { ...OWN, ...headers } });
    const refused = await change({ Cookie });
    expect(refused.status).toBe(403);
    expect(await codeOf(refused)).toBe("page_token_required");
    // Nothing is there, but the way to it is open.
    expect((await change({ Cookie, "X-Luna-Page": page })).status).toBe(404);
  });
});

test("no page of somebody else's changes anything under /auth, whatever it knows", async () => {
  const credentials = { Cookie, "X-Luna-Page": await auth.pageOf(Cookie) };
  const changes = auth.app.routes.filter(
    ({ method, path }) => path.startsWith("/auth/") && !["GET", "ALL"].includes(method),
  );
  expect(changes.length).toBeGreaterThan(5);
  const foreigners: Record<string, string>[] = [
    { Origin: "http://evil.example" },
    { Origin: "null" },
    { Origin: "http://evil.example", "Sec-Fetch-Site": "same-origin" },
    { "Sec-Fetch-Site": "cross-site" },
    { "Sec-Fetch-Site": "same-site" },
    {},
  ];
  for (const { method, path } of changes) {
    for (const foreign of foreigners) {
      for (const type of ["application/json", "application/x-www-form-urlencoded", "text/plain"]) {
        const answer = await auth.request(path.replaceAll(/:\w+/g, "x"), {
          method,
          headers: { ...credentials, ...foreign, "Content-Type": type },
          body: "{}",
        });
        expect(answer.status, `${method} ${path}`).toBe(403);
        expect(await codeOf(answer)).toBe("forbidden");
      }
    }
  }
});

describe("the table's file", () => {
  const upstream = async (): Promise<string | null> =>
    (await auth.route("/ext/notes/", { Cookie })).headers.get("X-Luna-Upstream");

  test("a change counts from the next request on", async () => {
    expect(await upstream()).toBe("127.0.0.1:5200");
    await writeFile(routes, JSON.stringify(tableWith(5250)));
    expect(await upstream()).toBe("127.0.0.1:5250");
    await rm(routes);
    expect((await auth.route("/ext/notes/", { Cookie })).status).toBe(404);
  });

  test("one that is broken leaves in force what it said, and is told once", async () => {
    expect(await upstream()).toBe("127.0.0.1:5200");
    for (const broken of ["{ oops", '{"extensions":{"notes":{"ui":{"port":0}}}}']) {
      const before = auth.log.lines.length;
      await writeFile(routes, broken);
      expect(await upstream()).toBe("127.0.0.1:5200");
      expect(await upstream()).toBe("127.0.0.1:5200");
      expect(auth.log.lines.slice(before).join("\n")).toContain("routes.json");
      expect(auth.log.lines.length).toBe(before + 1);
    }
  });

  test("one that the disk does not give leaves in force what it said, and is asked for again", async () => {
    expect(await upstream()).toBe("127.0.0.1:5200");
    await rm(routes);
    await mkdir(routes);
    expect(await upstream()).toBe("127.0.0.1:5200");
    await rm(routes, { recursive: true });
    await writeFile(routes, JSON.stringify(tableWith(5250)));
    expect(await upstream()).toBe("127.0.0.1:5250");
  });

  test("one that was never good is 503, and where it lies is for the log only", async () => {
    const path = join(folder, "never-good.json");
    await writeFile(path, "[");
    const other = await startAuth(
      { dialect: "sqlite", path: join(folder, "other.db") },
      { routes: path },
    );
    try {
      const cookie = await other.signIn();
      const answer = await other.route("/ext/notes/", { Cookie: cookie });
      expect(answer.status).toBe(503);
      expect(await answer.text()).not.toContain(folder);
      expect(other.log.lines.join("\n")).toContain(path);
      expect((await other.verify({ Cookie: cookie })).status).toBe(204);
      await writeFile(path, JSON.stringify(tableWith(5200)));
      expect((await other.route("/ext/notes/", { Cookie: cookie })).status).toBe(204);
    } finally {
      await other.close();
    }
  });
});
