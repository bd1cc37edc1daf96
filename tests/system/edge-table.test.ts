/** Every row of the route table × who asks × what they forge × how they spell the path, through the real Caddy and auth as it is. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { writeFile } from "node:fs/promises";
import { ROUTES } from "../../src/caddy/routes.ts";
import { ErrorBody } from "../../src/contract/error.ts";
import type { RoutesTable } from "../../src/contract/routes.ts";
import { assertionKey, verifyAssertion } from "../../src/lib/assertion.ts";
import { generateSecret } from "../../src/lib/secret.ts";
import { SESSION_IDLE_MS } from "../../src/services/auth/sessions.ts";
import {
  CREDENTIALS,
  type Edge,
  type Seen,
  startEdge,
  startUpstream,
  type Upstream,
} from "../support/edge.ts";
import { send, type WireAnswer } from "../support/raw-http.ts";

/**
 * Who passes, in words of this test's own: the table's classes are what is tested.
 * - `anyone`: the upstream is reached by everybody, and gets the credentials that came along.
 * - `luna`: Caddy answers by itself.
 * - `reader`: a session reads and changes (nothing is there to change).
 * - `hub_page`: a session reads; for a change it needs the page token.
 * - `hub_page_always`: also for reading.
 * - `key_or_hub_page`: as `hub_page`, or any Authorization, which the upstream checks.
 */
type Who = "anyone" | "luna" | "reader" | "hub_page" | "hub_page_always" | "key_or_hub_page";

interface Row {
  path: string;
  who: Who;
  /** Who gets the request, and as which path. */
  upstream?: string;
  arrives?: string;
  /** What Caddy presents once a session has passed. */
  adds?: string;
  /** Whether the session goes along. */
  cookies?: true;
  /** Bytes over which a body is refused, where that is less than 32 MiB. */
  bodyMax?: number;
}

const KIB = 1024;
const MIB = 1024 * KIB;
const ROWS: Record<string, Row> = {
  healthz: { path: "/healthz", who: "luna" },
  auth: {
    ...{ path: "/auth/me?x=1", who: "anyone", upstream: "auth", cookies: true },
    bodyMax: 64 * KIB,
  },
  sign_in_page: { path: "/assets/app.js", who: "anyone", upstream: "hub", bodyMax: 64 * KIB },
  well_known: {
    path: "/.well-known/oauth-protected-resource",
    who: "anyone",
    upstream: "auth",
    bodyMax: 64 * KIB,
  },
  authorize: {
    ...{ path: "/api/authorize?x=1", who: "anyone", upstream: "auth", cookies: true },
    bodyMax: 64 * KIB,
  },
  oauth: { path: "/api/token", who: "anyone", upstream: "auth", bodyMax: 64 * KIB },
  mcp: { path: "/api/mcp-home/mcp", who: "anyone", upstream: "mcp" },
  agent: {
    path: "/api/agent/v1/models",
    who: "key_or_hub_page",
    upstream: "agent",
    arrives: "/v1/models",
    adds: CREDENTIALS.edgeToken,
  },
  agent_key: {
    path: "/api/supervisor/agents/api-key",
    who: "hub_page_always",
    upstream: "supervisor",
    arrives: "/agents/api-key",
    adds: CREDENTIALS.supervisorToken,
    bodyMax: 64 * KIB,
  },
  extension_upload: {
    path: "/api/supervisor/extensions/upload",
    who: "hub_page",
    upstream: "supervisor",
    arrives: "/extensions/upload",
    adds: CREDENTIALS.supervisorToken,
    bodyMax: 65 * MIB,
  },
  supervisor: {
    path: "/api/supervisor/tools/all?a=%2F",
    who: "hub_page",
    upstream: "supervisor",
    arrives: "/tools/all?a=%2F",
    adds: CREDENTIALS.supervisorToken,
    bodyMax: 8 * MIB,
  },
  external_services: {
    path: "/api/external-services/x",
    who: "hub_page",
    upstream: "supervisor",
    adds: CREDENTIALS.supervisorToken,
    bodyMax: 8 * MIB,
  },
  extensions: { path: "/ext/notes/x", who: "reader", upstream: "ui", arrives: "/x" },
  no_api: { path: "/api", who: "luna" },
  framed_app: { path: "/apps/notes", who: "reader", upstream: "hub", bodyMax: 64 * KIB },
  hub: { path: "/tools", who: "reader", upstream: "hub", bodyMax: 64 * KIB },
};
const NAMES = Object.keys(ROWS);
const PROXIED = NAMES.filter((name) => ROWS[name]?.who !== "luna");
const GUARDED = PROXIED.filter((name) => ROWS[name]?.who !== "anyone");

function rowOf(name: string): Row & { upstream: string; arrives: string } {
  const row = ROWS[name];
  if (row === undefined) throw new Error(`There is no row "${name}"`);
  return { upstream: "caddy", arrives: row.path, ...row };
}

type Header = readonly [string, string];

let edge: Edge;
let ui: Upstream;
/** What each caller brings along; `page` goes with `session`. */
let callers: Record<string, Header[]>;
let page: string;

beforeAll(async () => {
  edge = await startEdge();
  ui = startUpstream("ui");
  const notes = { port: ui.server.port ?? 0, strip_prefix: true, enforce_trailing_slash: true };
  const routes: RoutesTable = { extensions: { notes: { ui: notes, services: { main: notes } } } };
  await writeFile(edge.paths.routes, JSON.stringify(routes));
  const { auth, session: expired } = edge;
  auth.time.now += SESSION_IDLE_MS;
  const ended = await auth.signIn();
  await auth.sessions.end(ended.split("=")[1] ?? "");
  const session = await auth.signIn();
  page = await auth.pageOf(session);
  const bearer = (key: string): Header[] => [["Authorization", `Bearer ${key}`]];
  callers = {
    nobody: [],
    session: [["Cookie", session]],
    "Hub page": [
      ["Cookie", session],
      ["X-Luna-Page", page],
    ],
    "page token alone": [["X-Luna-Page", page]],
    "wrong session": [["Cookie", `luna_session=${generateSecret()}`]],
    "expired session": [["Cookie", expired]],
    "ended session": [["Cookie", ended]],
    "session of https": [["Cookie", `__Host-${session}`]],
    "agent key": bearer(CREDENTIALS.agentKey),
    "scoped key": bearer(generateSecret("sk-luna-")),
    "key by another header": [["X-API-Key", CREDENTIALS.agentKey]],
    "supervisor's token": bearer(CREDENTIALS.supervisorToken),
    "auth's token": bearer(CREDENTIALS.authToken),
    "edge's token": bearer(CREDENTIALS.edgeToken),
    "basic password": [["Authorization", "Basic b3duZXI6b3duZXI="]],
  };
});
afterAll(async () => {
  await edge.stop();
  await ui.server.stop(true);
});

const CALLERS = [
  ...["nobody", "session", "Hub page", "page token alone"],
  ...["wrong session", "expired session", "ended session", "session of https"],
  ...["agent key", "scoped key", "key by another header"],
  ...["supervisor's token", "auth's token", "edge's token", "basic password"],
];

/** Headers that a page of Luna's own has. */
const ownPage = (): Header[] => [
  ["Origin", edge.url],
  ["Sec-Fetch-Site", "same-origin"],
];

function upstreams(): Record<string, Upstream> {
  return { ...edge.upstreams, ui };
}

/** Everything that reached some process but Caddy's questions to auth, since `counts`. */
function arrivals(counts: ReadonlyMap<string, number>): Seen[] {
  return Object.entries(upstreams()).flatMap(([name, { requests }]) =>
    requests
      .slice(counts.get(name))
      .filter(({ path }) => name !== "auth" || !/^\/(verify|route)(\?|$)/.test(path)),
  );
}

async function ask(
  target: string,
  { method = "GET", headers = [], body }: { method?: string; headers?: Header[]; body?: string },
): Promise<{ answer: WireAnswer; arrived: Seen[] }> {
  const counts = new Map(
    Object.entries(upstreams()).map(([name, { requests }]) => [name, requests.length]),
  );
  const answer = await send(edge.port, {
    target,
    method,
    headers,
    ...(body === undefined ? {} : { body }),
  });
  return { answer, arrived: arrivals(counts) };
}

/** "pass", or status and code of the refusal. */
function verdict({ answer, arrived }: Awaited<ReturnType<typeof ask>>): string {
  if (arrived.length > 0) return answer.status === 200 ? "pass" : `arrived, ${answer.status}`;
  return `${answer.status} ${ErrorBody.safeParse(JSON.parse(answer.body || "{}")).data?.error.code}`;
}

const SIGN_IN = "401 unauthorized";
const HUB_ONLY = "403 page_token_required";

function expected(row: Row, caller: string, method: string): string {
  const { who } = row;
  // Luna's own processes do not know it; an extension may.
  if (method === "PURGE" && row.upstream !== "ui") return "405 method_not_allowed";
  const isChange = method !== "GET";
  const isSignedIn = caller === "session" || caller === "Hub page";
  const hasPage = caller === "Hub page";
  const hasAuthorization = /^(agent key|scoped key|supervisor's|auth's|edge's|basic)/.test(caller);
  switch (who) {
    case "anyone":
      return "pass";
    case "luna":
      throw new Error("Caddy answers by itself");
    case "reader":
      return isSignedIn ? "pass" : SIGN_IN;
    case "hub_page":
      if (!isSignedIn) return SIGN_IN;
      return isChange && !hasPage ? HUB_ONLY : "pass";
    case "hub_page_always":
      if (!isSignedIn) return SIGN_IN;
      return hasPage ? "pass" : HUB_ONLY;
    case "key_or_hub_page":
      if (hasAuthorization) return "pass";
      if (!isSignedIn) return SIGN_IN;
      return isChange && !hasPage ? HUB_ONLY : "pass";
  }
}

const FORGED: Header[] = [
  ...["X-Luna-Identity", "X_Luna_Identity", "X-Luna_Identity", "X-Luna-User", "X_Luna_User"],
  ...["X-LUNA-UPSTREAM", "X_Luna_Upstream", "X-Luna-Prefix", "X_Luna_Page", "X-Luna-Page-"],
  ...["X-Forwarded-Proto", "X_Forwarded_Host", "X-Forwarded-Host", "X-Forwarded-Prefix"],
  ...["X-Forwarded-User", "X-Forwarded-Server"],
].map((name): Header => [name, "forged"]);
const FORGED_REQUEST: Header[] = [
  ...FORGED,
  ["X-Forwarded-Uri", "/auth/forged"],
  ["X-Forwarded-Method", "GET"],
  ["X-Forwarded-For", "6.6.6.6"],
  ["X-Real-IP", "6.6.6.6"],
  ["Forwarded", "for=6.6.6.6;host=forged"],
  ["X-Original-URL", "/auth/me"],
  ["X-Rewrite-URL", "/auth/me"],
  ["X-HTTP-Method-Override", "GET"],
  ["X-HTTP-Method", "GET"],
  ["X-Method-Override", "GET"],
];

test("every row of the table has its expectations here, in the same order", () => {
  expect(ROUTES.map(({ name }) => name)).toEqual(NAMES);
});

test("every caller below is one", () => {
  expect(Object.keys(callers)).toEqual(CALLERS);
});

describe.each(PROXIED)("row %s", (name) => {
  const row = rowOf(name);

  describe.each(CALLERS)("%s", (caller) => {
    test.each([
      ["reads", "GET", []],
      ["changes", "POST", []],
      ["removes", "DELETE", []],
      ["uses a method that nobody knows", "PURGE", []],
      ["reads with forged headers", "GET", FORGED_REQUEST],
      ["changes with forged headers", "POST", FORGED_REQUEST],
    ] as const)("%s", async (_what, method, forged) => {
      const headers = [...(callers[caller] ?? []), ...ownPage(), ...forged];
      const body = method === "GET" ? {} : { body: "_method=GET" };
      const result = await ask(row.path, { method, headers, ...body });
      expect(verdict(result)).toBe(expected(row, caller, method));
      for (const arrived of result.arrived) {
        expect(arrived).toMatchObject({ upstream: row.upstream, path: row.arrives, method });
        expectNothingForged(arrived, row, caller);
      }
      expect(result.answer.head).not.toContain("x-luna-identity");
    });
  });
});

/** What reached an upstream is Caddy's word and auth's, and no credential beyond what this upstream is for. */
function expectNothingForged({ headers }: Seen, row: Row, caller: string): void {
  const { "x-luna-identity": identity, authorization, cookie, ...rest } = headers;
  const text = JSON.stringify({ ...rest, identity });
  for (const forged of ["forged", "6.6.6.6"]) expect(text).not.toContain(forged);
  expect(headers["x-forwarded-for"]).toBe("127.0.0.1");
  expect(headers["x-forwarded-proto"]).toBe("http");
  expect(headers["x-forwarded-host"]).toBe(`127.0.0.1:${edge.port}`);
  expect(headers["x-forwarded-method"]).toBeUndefined();
  expect(headers["x-forwarded-uri"]).toBeUndefined();
  const sent = new Map(callers[caller]).get("Authorization");
  const isByKey = row.who === "key_or_hub_page" && sent !== undefined;
  if (row.who === "anyone" || isByKey) {
    expect(identity).toBeUndefined();
    expect(authorization).toBe(sent);
  } else {
    const key = assertionKey(CREDENTIALS.authToken);
    const who = verifyAssertion(identity ?? "", { key, now: edge.auth.time.now });
    expect(who).toMatchObject({ subject: "owner" });
    expect(authorization).toBe(row.adds === undefined ? undefined : `Bearer ${row.adds}`);
  }
  expect(cookie).toBe(row.cookies === true ? new Map(callers[caller]).get("Cookie") : undefined);
  // Auth checks it for itself; the Hub's service is told by auth whether a document gets one, and nobody else of it.
  const token = row.upstream === "auth" ? (new Map(callers[caller]).get("X-Luna-Page") ?? "") : "-";
  const expectedPage = row.upstream === "auth" || row.path === "/tools" ? token : undefined;
  expect(headers["x-luna-page"]).toBe(expectedPage);
}

describe("a Hub document's page token", () => {
  const DOCUMENT: Header[] = [
    ["Sec-Fetch-Dest", "document"],
    ["Sec-Fetch-Mode", "navigate"],
  ];
  test("reaches the Hub's service with a document of the Hub, and nothing else", async () => {
    for (const name of PROXIED.filter((one) => one !== "agent_key")) {
      const row = rowOf(name);
      const headers = [...(callers["session"] ?? []), ...DOCUMENT];
      const { arrived } = await ask(row.path, { headers });
      expect(arrived.length, name).toBe(1);
      const sent = arrived[0]?.headers["x-luna-page"];
      if (name === "hub") expect(sent).toBe(page);
      else expect(["", undefined], name).toContain(sent);
    }
  });

  test("is not what a client says it is", async () => {
    for (const claimed of [page, "x".repeat(43), "{env.SUPERVISOR_API_TOKEN}"]) {
      const headers: Header[] = [...(callers["session"] ?? []), ["X-Luna-Page", claimed]];
      const { arrived } = await ask("/tools", { headers });
      expect(arrived[0]?.headers["x-luna-page"]).toBe("-");
    }
  });
});

/** Other spellings of `path`, and ways into it from rows that anybody may use. */
function spellings(path: string): string[] {
  const [first = "", ...rest] = path.slice(1).split("/");
  const tail = rest.length === 0 ? "" : `/${rest.join("/")}`;
  const encoded = (text: string): string =>
    [...text].map((one) => `%${one.charCodeAt(0).toString(16).padStart(2, "0")}`).join("");
  const last = rest.at(-1) ?? first;
  const withLast = (changed: string): string => path.slice(0, path.length - last.length) + changed;
  return [
    ...[`/${path}`, `/.${path}`, `/x/..${path}`, `/%2e${path}`, `/%2E%2E${path}`, `//x/..${path}`],
    ...[`/auth/..${path}`, `/auth/%2e%2e${path}`, `/auth/.%2e${path}`, `/auth/..;${path}`],
    ...[`/auth/..%2f${path.slice(1)}`, `/auth/..%5c${path.slice(1)}`, `/auth/..\\${path.slice(1)}`],
    ...[`/auth/%252e%252e${path}`, `/auth/..%252f${path.slice(1)}`, `/auth/%c0%ae%c0%ae${path}`],
    ...[`/assets/..${path}`, `/assets/..%2f..${path}`, `/assets/%2e%2e${path}`],
    ...[`/login/..${path}`, `/.well-known/..${path}`, `/api/mcp/..${path.replace("/api", "")}`],
    ...[`/api/mcp-x/%2e%2e${path.replace("/api", "")}`, `/healthz/..${path}`, `/healthz${path}`],
    ...[
      `/${first}/${tail}`,
      `/${first}/.${tail}`,
      `/${first};x${tail}`,
      `/${first}%2f${tail.slice(1)}`,
    ],
    ...[`/${first}%5c${tail.slice(1)}`, `/${first}\\${tail.slice(1)}`, `/${encoded(first)}${tail}`],
    ...[
      `/%25${encoded(first).slice(1)}${tail}`,
      `/${first.toUpperCase()}${tail}`,
      `/${first}%00${tail}`,
    ],
    ...[
      withLast(encoded(last)),
      withLast(last.toUpperCase()),
      withLast(`${last};x`),
      withLast(`${last}.`),
    ],
    ...[`${path}/`, `${path}//`, `${path}/.`, `${path}/..`, `${path}/../${last}`, `${path}%2f`],
    ...[`${path}%00`, `${path}%20`, `${path}%0d%0aX-Luna-Page:x`, `${path}?_method=DELETE&x=/../`],
    ...[`${path}/..;/`, `${path}#x`, `http://127.0.0.1${path}`, `http://evil.example${path}`],
    ...[`http:///${path.slice(1)}`, `https://127.0.0.1:1${path}`],
  ];
}
const guardedPath = (name: string): string => rowOf(name).path.split("?")[0] ?? "";

describe.each(GUARDED)("other spellings of row %s", (name) => {
  test("open nothing without a session", async () => {
    const open = /^\/(auth|assets|login|\.well-known|api\/mcp)/i;
    for (const target of spellings(guardedPath(name))) {
      const { answer, arrived } = await ask(target, {});
      for (const { upstream, path } of arrived) {
        // Somewhere in a row that is open to everybody, under a path that stays there.
        expect(["auth", "hub", "mcp"], target).toContain(upstream);
        expect(path, target).toMatch(open);
        expect(
          decodeURIComponent(path.replaceAll(/%(?![0-9a-f]{2})|%c0%ae/gi, "")),
          target,
        ).not.toMatch(/\/\.\.(\/|$)/);
      }
      expect(answer.status, target).toBeGreaterThanOrEqual(200);
      expect(answer.status, target).toBeLessThan(500);
    }
  });

  test("with a session, change nothing without the page token", async () => {
    const headers = [...(callers["session"] ?? []), ...ownPage()];
    for (const target of spellings(guardedPath(name))) {
      for (const method of ["POST", "DELETE", "get", "PURGE"]) {
        const { arrived } = await ask(target, { method, headers });
        for (const { upstream } of arrived)
          expect(upstream, target).not.toMatch(/^(supervisor|agent)$/);
      }
    }
  });

  test("with a session, carry no token to another process", async () => {
    const headers = callers["Hub page"] ?? [];
    for (const target of spellings(guardedPath(name))) {
      const { arrived } = await ask(target, { headers });
      for (const { upstream, headers: got } of arrived) {
        const text = JSON.stringify(got);
        if (upstream !== "supervisor")
          expect(text, target).not.toContain(CREDENTIALS.supervisorToken);
        if (upstream !== "agent") expect(text, target).not.toContain(CREDENTIALS.edgeToken);
        expect(text, target).not.toContain(CREDENTIALS.agentKey);
        expect(text, target).not.toContain(CREDENTIALS.authToken);
        if (upstream !== "auth") expect(text, target).not.toContain("luna_session");
      }
    }
  });
});

test("a secret's path has no other spelling that a session alone may read", async () => {
  for (const target of spellings(guardedPath("agent_key"))) {
    const { arrived } = await ask(target, { headers: callers["session"] ?? [] });
    for (const { upstream, path } of arrived) {
      if (upstream === "supervisor") expect(decodeURIComponent(path)).not.toBe("/agents/api-key");
    }
  }
});

/** Who is no page of this Luna's, whatever else the request says. */
const STRANGERS: Record<string, Header[]> = {
  "another site": [["Origin", "http://evil.example"]],
  "another site that says it is not": [
    ["Origin", "http://evil.example"],
    ["Sec-Fetch-Site", "same-origin"],
  ],
  "a hidden origin": [["Origin", "null"]],
  "an empty origin": [["Origin", ""]],
  "another port": [["Origin", "http://127.0.0.1:1"]],
  "another name": [["Origin", "http://localhost"]],
  "a name that begins alike": [["Origin", "http://127.0.0.1.evil.example"]],
  "cross-site metadata": [["Sec-Fetch-Site", "cross-site"]],
  "same-site metadata": [["Sec-Fetch-Site", "same-site"]],
  "metadata against the origin": [["Sec-Fetch-Site", "cross-site"]],
  "no word of where it is from": [],
};
const BODIES: Record<string, string> = {
  "application/json": "{}",
  "application/x-www-form-urlencoded": "a=1&_method=GET",
  "multipart/form-data; boundary=b":
    '--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--b--',
  "text/plain": '{"a":"=1"}',
};
const UPGRADE: Header[] = [
  ["Connection", "Upgrade"],
  ["Upgrade", "websocket"],
  ["Sec-WebSocket-Version", "13"],
  ["Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="],
];

describe.each(GUARDED)(
  "row %s, asked by a page of somebody else with the owner's session",
  (name) => {
    const { path } = rowOf(name);

    test.each(Object.keys(STRANGERS))("%s changes nothing", async (stranger) => {
      const credentials = [...(callers["Hub page"] ?? []), ...(STRANGERS[stranger] ?? [])];
      for (const method of ["POST", "PUT", "PATCH", "DELETE"]) {
        for (const [type, body] of Object.entries(BODIES)) {
          const headers: Header[] = [...credentials, ["Content-Type", type]];
          expect(verdict(await ask(path, { method, headers, body })), type).toBe("403 forbidden");
        }
      }
    });

    test.each(Object.keys(STRANGERS))("%s opens no WebSocket", async (stranger) => {
      const headers = [...(callers["Hub page"] ?? []), ...(STRANGERS[stranger] ?? []), ...UPGRADE];
      expect(verdict(await ask(path, { headers }))).toBe("403 forbidden");
    });
  },
);

test("a WebSocket of Luna's own page opens where a process has one", async () => {
  const headers = [...(callers["session"] ?? []), ...ownPage(), ...UPGRADE];
  for (const path of ["/api/supervisor/live", "/ext/notes/live"]) {
    const { answer, arrived } = await ask(path, { headers });
    expect(answer.status).toBe(101);
    expect(arrived.length).toBe(1);
  }
});

describe("what every answer says", () => {
  test.each(NAMES)("row %s, whether it passes or not", async (name) => {
    const row = rowOf(name);
    for (const caller of ["nobody", "Hub page"]) {
      const { answer } = await ask(row.path, { headers: callers[caller] ?? [] });
      const { headers } = answer;
      expect(headers.get("X-Content-Type-Options")).toBe("nosniff");
      expect(headers.get("Referrer-Policy")).toBe("same-origin");
      expect(headers.get("Cross-Origin-Resource-Policy")).toBe("same-origin");
      expect(headers.get("Server")).toBeNull();
      expect(headers.get("Strict-Transport-Security")).toBeNull();
      const policy = headers.get("Content-Security-Policy");
      const isExtension = name === "extensions" && caller === "Hub page";
      if (isExtension) expect(policy).toBe("frame-ancestors 'self'");
      else expect(policy).toStartWith("default-src 'none';");
      if (!isExtension) expect(headers.get("Cache-Control")).toBe("no-store");
      // Only the Hub's own service gives it: an answer of an extension with it would reach the Hub's pages.
      expect(headers.get("Cross-Origin-Opener-Policy")).toBeNull();
    }
  });
});

describe("how large a body may be", () => {
  test.each(PROXIED)("row %s", async (name) => {
    const { path, bodyMax = 32 * MIB } = rowOf(name);
    const headers = [...(callers["Hub page"] ?? []), ...ownPage()];
    const fits = await ask(path, { method: "POST", headers, body: "x".repeat(bodyMax) });
    expect(fits.answer.status).toBe(200);
    const over = await ask(path, { method: "POST", headers, body: "x".repeat(bodyMax + 1) });
    expect(over.answer.status).toBe(413);
    const { error } = ErrorBody.parse(JSON.parse(over.answer.body));
    expect(error.code).toBe("too_large");
    const size = bodyMax < MIB ? `${bodyMax / KIB}KiB` : `${bodyMax / MIB}MiB`;
    expect(error.message).toEndWith(`over ${size}`);
  });
});
