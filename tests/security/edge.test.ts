/** Named weaknesses of the way in, tried on the compiled Luna and, to show that the probe works, on an edge without guards. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { stat } from "node:fs/promises";
import { Hono } from "hono";
import { cors } from "hono/cors";
import { PAGE_HEADER } from "../../src/contract/page-token.ts";
import { rawRequest, startEdge } from "../support/edge.ts";
import { fixtureExtension } from "../support/fixture.ts";
import { send, type WireRequest } from "../support/raw-http.ts";
import { until } from "../support/until.ts";
import { type GivenOut, giveOut, ownPage, sameOrigin } from "./credentials.ts";
import { startNaiveEdge } from "./naive-edge.ts";

const JSON_TYPE = ["Content-Type", "application/json"] as const;
/** Headers of one size that no honest client has. */
const LONG_HEADER = "x".repeat(80 * 1024);
const BODY_OVER_LIMIT = 33 * 1024 * 1024;
const FAILED_SIGN_INS = 12;

let given: GivenOut;
let naive: Awaited<ReturnType<typeof startNaiveEdge>>;
let uiPort: number;

beforeAll(async () => {
  given = await giveOut({ files: await fixtureExtension("clock") });
  const { luna } = given;
  uiPort = await until(
    async () => {
      const services = Object.entries((await luna.state()).services);
      return services.find(([, one]) => one.kind === "ui" && one.status === "running")?.[1].port;
    },
    { what: "the UI of the extension to run" },
  );
  naive = await startNaiveEdge(luna);
});
afterAll(async () => {
  await naive.stop();
  await given.luna.stop();
  await given.luna.remove();
});

const atEdge = (request: WireRequest) => send(given.luna.ports.caddy, request);
const atNaive = (request: WireRequest) => send(naive.port, request);
/** Every port that a process of Luna's own listens on. */
const ownPorts = () => {
  const { supervisor, auth, agent, mcp, hub } = given.luna.ports;
  return { supervisor, auth, agent, mcp, hub };
};

const CONTROL_PLANE: WireRequest[] = [
  { target: "/api/supervisor/mcp-servers/list" },
  { target: "/api/supervisor/agents/api-key" },
  { target: "/api/supervisor/logs" },
  { target: "/api/supervisor/tools/all" },
  {
    method: "POST",
    target: "/api/supervisor/tools/execute/NOTES_GET_all",
    headers: [JSON_TYPE],
    body: "{}",
  },
];

describe("who may come in", () => {
  test("S1 the control plane, and CVE-2025-49596 a local one that anybody may call", async () => {
    for (const request of CONTROL_PLANE) {
      expect((await atEdge(request)).status).toBe(401);
      const target = request.target.replace("/api/supervisor", "");
      expect((await send(given.luna.ports.supervisor, { ...request, target })).status).toBe(401);
      expect((await atNaive(request)).status).toBe(200);
    }
  });

  test("S2 the pages and services of extensions", async () => {
    for (const target of ["/ext/clock/", "/api/clock/", "/api/clock/web/about"]) {
      expect((await atEdge({ target })).status).toBe(401);
      const answer = await atEdge({ target, headers: [["Cookie", given.session]] });
      expect(answer.status).toBe(200);
    }
    const port = ["X-Upstream-Port", String(uiPort)] as const;
    expect((await atNaive({ target: "/extension/x/", headers: [port] })).status).toBe(200);
  });

  test("3.4-6 a key that the edge adds for everybody", async () => {
    const request = { target: "/api/agent/v1/models" };
    expect((await atEdge(request)).status).toBe(401);
    const wrong = [["Authorization", "Bearer wrong"]] as const;
    expect((await atEdge({ ...request, headers: wrong })).status).toBe(401);
    expect((await atNaive({ ...request, headers: wrong })).status).toBe(200);
  });

  test("CVE-2026-14537 paths of older days that nobody guards", async () => {
    const paths = ["/v1/models", "/mcp", "/sse", "/messages", "/admin", "/config/", "/metrics"];
    const more = ["/debug/pprof/", "/.env", "/restart", "/keys/list", "/openapi.json", "/api/keys"];
    for (const target of [...paths, ...more]) {
      for (const port of Object.values(ownPorts())) {
        expect([401, 404]).toContain((await send(port, { target })).status);
      }
      expect([401, 404]).toContain((await atEdge({ target })).status);
    }
    expect((await atNaive({ target: "/api/agent/openapi.json" })).status).toBe(200);
  });

  test("CVE-2025-71336 a header that says the request is an internal one", async () => {
    const headers = [
      ["X-Request-From", "internal"],
      ["X-Luna-Internal", "1"],
      ["X-Forwarded-For", "127.0.0.1"],
      ["X-Luna-Identity", "owner"],
    ] as const;
    const twin = new Hono().get("/overview", (context) =>
      context.req.header("X-Request-From") === "internal"
        ? context.json({ home: "/" })
        : context.json({}, 401),
    );
    expect(
      (await twin.request("/overview", { headers: { "X-Request-From": "internal" } })).status,
    ).toBe(200);
    expect((await send(given.luna.ports.supervisor, { target: "/overview", headers })).status).toBe(
      401,
    );
    expect((await atEdge({ target: "/api/supervisor/overview", headers })).status).toBe(401);
  });
});

describe("pages of others", () => {
  test("S6 an answer that every site may read", async () => {
    const headers = [
      ["Origin", "https://evil.example"],
      ["Access-Control-Request-Method", "POST"],
    ] as const;
    const readers: string[] = [];
    for (const [name, port] of Object.entries({ ...ownPorts(), caddy: given.luna.ports.caddy })) {
      for (const method of ["OPTIONS", "GET"]) {
        const targets = ["/", "/health", "/healthz", "/auth/me", "/api/supervisor/overview"];
        for (const target of targets) {
          const cookie = ["Cookie", given.session] as const;
          const answer = await send(port, { method, target, headers: [...headers, cookie] });
          if (/^access-control-allow-/im.test(answer.head)) readers.push(`${name} ${target}`);
        }
      }
    }
    expect(readers).toEqual([]);
    const twin = new Hono().use(cors({ origin: (origin) => origin, credentials: true }));
    const told = await twin.request("/", { headers: { Origin: "https://evil.example" } });
    expect(told.headers.get("Access-Control-Allow-Origin")).toBe("https://evil.example");
  });

  test("S6 a form of another site that changes something with the owner's cookie", async () => {
    // With the page token, which no other site has: what refuses it is where it comes from.
    const from = (origin: string): WireRequest => ({
      method: "POST",
      target: "/api/supervisor/services/none/stop",
      headers: [
        ["Cookie", given.session],
        ["Origin", origin],
        [PAGE_HEADER, given.page],
        ["Content-Type", "application/x-www-form-urlencoded"],
      ],
      body: "a=b",
    });
    expect((await atEdge(from("https://evil.example"))).status).toBe(403);
    // Let through, it finds that there is no such process.
    expect((await atNaive(from("https://evil.example"))).status).toBe(404);
    expect((await atEdge(from(given.luna.url))).status).toBe(404);
  });

  test("S21, 3.4-9, CVE-2026-70486, CVE-2026-44549 a page of an extension, on the same origin", async () => {
    const request = { method: "POST", target: "/api/supervisor/services/none/stop" };
    const cookie = ["Cookie", given.session] as const;
    const framed = { ...request, headers: [cookie, ...sameOrigin(given)] };
    expect((await atEdge(framed)).status).toBe(403);
    expect((await atEdge({ ...request, headers: [cookie, ...ownPage(given)] })).status).toBe(404);
    expect((await atNaive(framed)).status).toBe(404);

    const documentFor = async (destination: string, mode: string) => {
      const asked = [cookie, ["Sec-Fetch-Dest", destination], ["Sec-Fetch-Mode", mode]] as const;
      return (await atEdge({ target: "/", headers: [...asked, ["Accept", "text/html"]] })).body;
    };
    for (const [destination, mode] of [
      ["iframe", "navigate"],
      ["empty", "cors"],
      ["object", "navigate"],
      ["script", "no-cors"],
    ] as const) {
      expect(await documentFor(destination, mode)).not.toContain(given.page);
    }
    expect(await documentFor("document", "navigate")).toContain(given.page);
  });

  test("S10, CVE-2025-66414, CVE-2025-66416 a name that was rebound to this machine", async () => {
    const { credentials, ports } = given.luna;
    const doors = [
      [ports.supervisor, "/overview", credentials.supervisorToken],
      [ports.agent, "/v1/models", credentials.agentKey],
      [ports.auth, "/auth/methods", ""],
      [ports.mcp, "/api/mcp-keyed/mcp", given.serverKey],
      [ports.hub, "/", ""],
      [ports.caddy, "/auth/methods", ""],
    ] as const;
    for (const [port, target, token] of doors) {
      const authorization = ["Authorization", `Bearer ${token}`] as const;
      for (const host of ["evil.example", `evil.example:${port}`, "127.0.0.1.evil.example"]) {
        const answer = await send(port, { target, headers: [authorization, ["Host", host]] });
        expect([403, 421]).toContain(answer.status);
      }
      const answer = await send(port, { target, headers: [authorization] });
      expect([403, 421]).not.toContain(answer.status);
    }
    const rebound = {
      target: CONTROL_PLANE[0]?.target ?? "",
      headers: [["Host", "evil.example"]],
    } as const;
    expect((await atNaive(rebound)).status).toBe(200);
  });
});

/** Ways to write a protected path that some layers read as another one. */
const TRICKS = [
  ...["//api/supervisor/overview", "/api//supervisor/overview", "/./api/supervisor/overview"],
  ...["/auth/../api/supervisor/overview", "/auth/..;/api/supervisor/overview"],
  ...["/auth/%2e%2e/api/supervisor/overview", "/auth/%2e%2e%2fapi/supervisor/overview"],
  ...["/auth/..%2fapi%2fsupervisor%2foverview", "/auth/%252e%252e/api/supervisor/overview"],
  ...["/API/SUPERVISOR/overview", "/api/supervisor%2foverview", "/api/supervisor/./overview"],
  ...["/auth/..%5capi/supervisor/overview", "/api/mcp-x/../supervisor/overview"],
  ...["/assets/../api/supervisor/overview", "/login/../api/supervisor/overview", "/%2e/overview"],
  ...["/api/supervisor/overview%00", "/api/supervisor/overview%20", "/api/%73upervisor/overview"],
  ...["/health/../overview", "/health/%2e%2e/overview", "//overview", "/health;/../overview"],
];

describe("paths, names and headers that two layers read differently", () => {
  test("CVE-2023-27482 paths that climb out of what is open", async () => {
    for (const target of TRICKS) {
      for (const port of [given.luna.ports.caddy, given.luna.ports.supervisor]) {
        const { status, body } = await send(port, { target });
        expect([0, 400, 401, 404]).toContain(status);
        expect(body).not.toContain("boot_id");
      }
    }
    // A guard that looks at the path as it came, before a server that tidies it.
    const twin = (target: string) => {
      const isOpen = target.startsWith("/auth/");
      return isOpen && new URL(target, "http://127.0.0.1").pathname.startsWith("/api/supervisor");
    };
    expect(TRICKS.filter(twin).length).toBeGreaterThan(1);
  });

  test("CVE-2026-49468 a Host that moves the path on which access is decided", async () => {
    const { caddy, supervisor } = given.luna.ports;
    for (const host of [
      "127.0.0.1/health?",
      "127.0.0.1/health#",
      "127.0.0.1:1/health?x=",
      "x/?",
      "x/#",
    ]) {
      const headers = [["Host", host]] as const;
      for (const [port, target] of [
        [caddy, "/api/supervisor/overview"],
        [supervisor, "/overview"],
      ] as const) {
        expect([400, 401, 403, 421]).toContain((await send(port, { target, headers })).status);
      }
    }
    const twin = (host: string, target: string) => new URL(`http://${host}${target}`).pathname;
    expect(twin("127.0.0.1/health?", "/overview")).toBe("/health");
  });

  test("3.4-1, 3.4-2, CVE-2026-30851 identities that a client writes itself", async () => {
    const forged = [
      "X-Luna-Identity: forged",
      "X_Luna_Identity: forged",
      "X-Luna_Identity: forged",
    ];
    /** Finds every session good, and forgets to say whose it is. */
    const auth = (request: Request) =>
      request.url.includes("/verify") ? new Response(null, { status: 204 }) : undefined;
    const guards = /^.*(request_header -X.Luna|error @unidentified).*$/gm;
    const edges = await Promise.all([
      startEdge({ auth }),
      startEdge({ auth, edit: (text) => text.replace(guards, "") }),
    ]);
    const [real, twin] = await Promise.all(
      edges.map(async ({ port, upstreams }) => {
        await rawRequest(port, { target: "/auth/me", headers: forged });
        const { status } = await rawRequest(port, { target: "/tools", headers: forged });
        return { status, seen: JSON.stringify(upstreams.auth.requests[0]?.headers) };
      }),
    );
    for (const edge of edges) await edge.stop();
    // A session that passed without an identity is refused, whatever the client says that it is.
    expect(real?.status).toBe(503);
    expect(real?.seen).not.toContain("forged");
    expect(twin?.status).toBe(200);
    expect(twin?.seen).toContain("forged");
  });

  test("CVE-2026-32625 placeholders in what a client sends are no variables", async () => {
    const cookie = ["Cookie", given.session] as const;
    const text = "{env.SUPERVISOR_API_TOKEN}{$SUPERVISOR_API_TOKEN}$SUPERVISOR_API_TOKEN";
    const answers = await Promise.all([
      atEdge({ target: `/ext/clock/${text}?q=${text}`, headers: [cookie] }),
      atEdge({
        target: "/auth/login?returnTo=/{env.SUPERVISOR_API_TOKEN}",
        headers: [["X-Test", text]],
      }),
    ]);
    for (const { head, body } of answers) {
      expect(head + body).not.toContain(given.luna.credentials.supervisorToken);
    }
    // The page shows what it was asked for: the text came as it was.
    expect(decodeURIComponent(answers[0]?.body ?? "")).toContain("{env.SUPERVISOR_API_TOKEN}");
    const expanded = text.replace(/\{env\.(\w+)\}/, () => given.luna.credentials.supervisorToken);
    expect(expanded).toContain(given.luna.credentials.supervisorToken);
  });
});

describe("limits and headers", () => {
  test("S9 headers that keep browsers from mischief", async () => {
    const wanted = ["content-security-policy", "x-content-type-options", "referrer-policy"];
    const cookie = ["Cookie", given.session] as const;
    for (const target of ["/", "/login", "/api/supervisor/overview", "/ext/clock/", "/none.txt"]) {
      const { headers } = await atEdge({ target, headers: [cookie] });
      expect(wanted.filter((name) => !headers.has(name))).toEqual([]);
      expect(headers.get("content-security-policy")).toContain("frame-ancestors");
    }
    const { headers } = await atNaive({ target: "/api/supervisor/overview" });
    expect(wanted.filter((name) => headers.has(name))).toEqual([]);
  });

  test("S9 bodies and headers beyond any use", async () => {
    const long = await atEdge({ target: "/auth/methods", headers: [["X-Long", LONG_HEADER]] });
    expect(long.status).toBe(431);
    const large = await atEdge({
      method: "POST",
      target: "/api/mcp-keyed/mcp",
      headers: [JSON_TYPE, ["Authorization", `Bearer ${given.serverKey}`]],
      body: new Uint8Array(BODY_OVER_LIMIT),
    });
    // The connection may be cut before all of it was sent.
    expect([0, 413]).toContain(large.status);
    const fits = await atEdge({
      target: "/auth/methods",
      headers: [["X-Long", "x".repeat(8_000)]],
    });
    expect(fits.status).toBe(200);
  });

  test("3.4-3 an admin API of Caddy's that anybody on this machine may use", async () => {
    const { caddySocket } = given.luna.paths;
    expect((await stat(caddySocket)).mode & 0o022).toBe(0);
    expect((await stat(given.luna.paths.luna)).mode & 0o077).toBe(0);
    const text = await Bun.file(given.luna.paths.caddyfile).text();
    expect(text).toMatch(/^\tadmin "unix\//m);
    expect((await send(naive.adminPort, { target: "/config/" })).status).toBe(200);
  });

  // The last one: it spends the attempts of this machine.
  test("S9 attempts to sign in without end", async () => {
    const attempt = {
      method: "POST",
      target: "/auth/passphrase",
      headers: [JSON_TYPE],
      body: JSON.stringify({ passphrase: "not the owner's" }),
    };
    const statuses: number[] = [];
    let last = new Headers();
    for (let at = 0; at < FAILED_SIGN_INS; at += 1) {
      const answer = await atEdge(attempt);
      statuses.push(answer.status);
      last = answer.headers;
    }
    expect(statuses[0]).toBe(401);
    expect(statuses.at(-1)).toBe(429);
    expect(Number(last.get("Retry-After"))).toBeGreaterThan(0);
    // Who is signed in is not kept out by others.
    const { status } = await atEdge({ target: "/auth/me", headers: [["Cookie", given.session]] });
    expect(status).toBe(200);
  });
});
