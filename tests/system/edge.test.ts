/** The edge beyond its table of rows, through the real Caddy: hosts, streams, limits, failures, modes and the Caddyfile in service. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readdir, readFile, stat } from "node:fs/promises";
import { createConnection } from "node:net";
import { join } from "node:path";
import { renderCaddyfile } from "../../src/caddy/caddyfile.ts";
import { reloadCaddy, writeCaddyfile } from "../../src/caddy/edge.ts";
import { ErrorBody } from "../../src/contract/error.ts";
import {
  CREDENTIALS,
  type Edge,
  rawRequest,
  refusal,
  SocketWithHeaders,
  seen,
  startEdge,
  startUpstream,
} from "../support/edge.ts";
import { until } from "../support/until.ts";

let edge: Edge;
/** Another Caddy, which nothing reloads. */
let quietEdge: Edge;
/** How long that Caddy bears a client that does not finish its headers; the last test looks at it. */
let slowClient: Promise<number>;
/** And a Caddy whose patience with bodies is short, for a test that need not take ten minutes. */
let hastyEdge: Edge;
const HASTY_MS = 3_000;

beforeAll(async () => {
  const edit = (text: string) => text.replace("read_body 10m", `read_body ${HASTY_MS}ms`);
  [edge, quietEdge, hastyEdge] = await Promise.all([startEdge(), startEdge(), startEdge({ edit })]);
  const began = Date.now();
  const { promise, resolve } = Promise.withResolvers<number>();
  const socket = createConnection({ host: "127.0.0.1", port: quietEdge.port }, () => {
    socket.write("GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n");
  });
  socket.resume();
  socket.on("close", () => resolve(Date.now() - began));
  slowClient = promise;
});
afterAll(() => Promise.all([edge.stop(), quietEdge.stop(), hastyEdge.stop()]));

function get(path: string, headers: Record<string, string> = {}, init: RequestInit = {}) {
  return fetch(`${edge.url}${path}`, { redirect: "manual", headers, ...init });
}

describe("fixed answers", () => {
  test("/healthz", async () => {
    expect(await (await get("/healthz")).json()).toEqual({ status: "ok" });
  });

  test.each(["/api", "/api/nothing", "/api/agentic/v1", "/api/mcpx", "/api/supervisors"])(
    "%s is a JSON 404, with a session or without, whatever the method",
    async (path) => {
      const not_found = { status: 404, code: "not_found" };
      expect(await refusal(await get(path))).toEqual(not_found);
      expect(await refusal(await get(path, { Cookie: edge.session }))).toEqual(not_found);
      expect(await refusal(await get(path, {}, { method: "POST", body: "x" }))).toEqual(not_found);
      expect(await refusal(await get(path, {}, { method: "OPTIONS" }))).toEqual(not_found);
    },
  );

  test("a browser's navigation without a session is sent to the sign-in page", async () => {
    const response = await get("/tools?tab=2", { "Sec-Fetch-Mode": "navigate" });
    expect(response.status).toBe(302);
    expect(response.headers.get("Location")).toBe("/login?returnTo=%2Ftools%3Ftab%3D2");
  });

  test("a Host that is not Luna's gets 421, never an empty 200", async () => {
    for (const host of [
      "evil.example",
      `evil.example:${edge.port}`,
      "127.0.0.1.evil.example",
      "[::1]",
    ]) {
      for (const target of ["/", "/healthz", "/api/supervisor/overview", "/auth/me"]) {
        const { status, body } = await rawRequest(edge.port, {
          target,
          headers: [`Host: ${host}`, `Cookie: ${edge.session}`],
        });
        expect(status).toBe(421);
        expect(ErrorBody.parse(JSON.parse(body)).error.code).toBe("misdirected");
      }
    }
    for (const host of ["127.0.0.1", "localhost", "localhost:9", "LOCALHOST:1234"]) {
      const { status } = await rawRequest(edge.port, {
        target: "/auth/me",
        headers: [`Host: ${host}`],
      });
      expect(status).toBe(200);
    }
  });

  test("a session without an identity is refused", async () => {
    const silent = await startEdge({ auth: () => new Response(null, { status: 204 }) });
    try {
      for (const path of ["/api/supervisor/overview", "/api/agent/v1/models", "/", "/apps/x"]) {
        const answer = await refusal(await fetch(`${silent.url}${path}`));
        expect(answer).toEqual({ status: 503, code: "unavailable" });
      }
    } finally {
      await silent.stop();
    }
  });
});

describe("spellings", () => {
  test.each([
    "//auth/me",
    "/auth/./me",
    "/auth/../auth/me",
    "/auth/%2e%2e/auth/me",
    "/auth/..%2Fme",
    "/auth/x%5Cy",
    "/auth/x%00",
    "/auth/.",
    "/auth/..?x=1",
  ])("%s is refused as ambiguous", async (target) => {
    const { status, body } = await rawRequest(edge.port, { target });
    expect(status).toBe(400);
    expect(ErrorBody.parse(JSON.parse(body)).error.code).toBe("invalid_input");
  });

  test.each(["/auth/a.b", "/auth/...", "/auth/.x", "/auth/a%20b", "/auth/me?to=//x/../%2e%2f"])(
    "%s is an ordinary path",
    async (target) => {
      expect((await rawRequest(edge.port, { target })).status).toBe(200);
    },
  );
});

describe("streams", () => {
  test.each([
    ["agent", "/api/agent/v1/stream", { Authorization: "Bearer sk-luna-own" }, "POST"],
    ["mcp", "/api/mcp/stream", { "X-API-Key": "own" }, "GET"],
    ["supervisor", "/api/supervisor/stream", {}, "GET"],
  ] as const)(
    "%s: the first event comes at once, and a client that goes away cancels",
    async (name, path, headers, method) => {
      const { streams } = edge.upstreams[name];
      const client = new AbortController();
      const body = method === "POST" ? "{}" : null;
      const sent = name === "supervisor" ? { Cookie: edge.session } : headers;
      const response = await get(path, sent, { method, body, signal: client.signal });
      const first = await response.body?.getReader().read();
      expect(new TextDecoder().decode(first?.value)).toBe("data: first\n\n");
      expect(streams.open).toBe(1);
      client.abort();
      await until(() => streams.open === 0, { timeoutMs: 3_000, what: "the upstream's abort" });
    },
  );

  test("WebSocket passes with a session, and not without", async () => {
    const url = `ws://127.0.0.1:${edge.port}/api/supervisor/live`;
    const echoed = await new Promise((resolve, reject) => {
      const socket = new SocketWithHeaders(url, {
        headers: { Cookie: edge.session, Origin: edge.url },
      });
      socket.onopen = () => socket.send("hello");
      socket.onmessage = (event) => {
        resolve(event.data);
        socket.close();
      };
      socket.onerror = reject;
    });
    expect(echoed).toBe("hello");
    const upgrade = edge.upstreams.supervisor.requests.at(-1);
    expect(upgrade?.headers["authorization"]).toBe(`Bearer ${CREDENTIALS.supervisorToken}`);

    const opened = await new Promise((resolve) => {
      const socket = new WebSocket(url);
      socket.onopen = () => resolve(true);
      socket.onclose = () => resolve(false);
    });
    expect(opened).toBe(false);
  });
});

describe("limits and failures", () => {
  test("a body over the limit is 413 JSON, announced or not", async () => {
    const body = new Uint8Array(33 * 1024 * 1024);
    const announced = await get("/api/mcp/upload", {}, { method: "POST", body });
    expect(await refusal(announced)).toEqual({ status: 413, code: "too_large" });
    const chunked = new ReadableStream({
      start(controller) {
        controller.enqueue(body);
        controller.close();
      },
    });
    const unannounced = await get("/api/mcp/upload", {}, { method: "POST", body: chunked });
    expect(await refusal(unannounced)).toEqual({ status: 413, code: "too_large" });
    const allowed = body.subarray(0, 31 * 1024 * 1024);
    const taken = await seen(await get("/api/mcp/upload", {}, { method: "POST", body: allowed }));
    expect(taken.size).toBe(allowed.byteLength);
  });

  test("requests wait for an upstream that is being restarted", async () => {
    const { port } = edge.upstreams.mcp.server;
    await edge.upstreams.mcp.server.stop(true);
    const answers = Promise.all([
      get("/api/mcp/mcp"),
      get("/api/mcp/mcp", {}, { method: "DELETE" }),
      get("/api/mcp/mcp", {}, { method: "POST", body: '{"jsonrpc":"2.0"}' }),
    ]);
    // By the time of this answer Caddy has been refused for each of the three.
    await get("/healthz");
    edge.upstreams.mcp = startUpstream("mcp", port);
    const [read, removed, posted] = await answers;
    expect([read.status, removed.status]).toEqual([200, 200]);
    // Caddy 2.6 has given a body away at the first refusal, and says so at once.
    if (posted.status !== 200) {
      expect(await refusal(posted)).toEqual({ status: 502, code: "unavailable" });
    }
  });

  test("a dead upstream is unavailable in JSON; a dead auth lets nobody in; the log keeps secrets", async () => {
    const { auth, mcp } = edge.upstreams;
    const ports = { auth: auth.server.port, mcp: mcp.server.port };
    await Promise.all([auth.server.stop(true), mcp.server.stop(true)]);
    const supervised = edge.upstreams.supervisor.requests.length;
    const [dead, closed] = await Promise.all([
      get("/api/mcp/mcp?code=canary-code", {
        Cookie: edge.session,
        "X-API-Key": "canary-key",
        Authorization: "Bearer canary-bearer",
      }),
      get("/api/supervisor/overview?token=canary-token", { Cookie: edge.session }),
    ]);
    expect(dead.headers.get("Retry-After")).toBe("1");
    expect(await refusal(dead)).toEqual({ status: 502, code: "unavailable" });
    expect(await refusal(closed)).toEqual({ status: 502, code: "unavailable" });
    expect(edge.upstreams.supervisor.requests.length).toBe(supervised);
    edge.upstreams.auth = startUpstream("auth", ports.auth, edge.answerOfAuth);
    edge.upstreams.mcp = startUpstream("mcp", ports.mcp);
    const log = await edge.log();
    expect(log).toContain('"uri":"/api/mcp/mcp"');
    expect(log).not.toContain("canary");
  }, 15_000);

  test("connections to upstreams are reused", async () => {
    const before = await openedConnections(edge.upstreams.hub.server.port);
    for (let n = 0; n < 20; n += 1) await (await get("/assets/app.js")).arrayBuffer();
    expect((await openedConnections(edge.upstreams.hub.server.port)) - before).toBeLessThanOrEqual(
      1,
    );
  });

  test("a policy of the upstream's own wins", async () => {
    const own = await get("/auth/own-policy");
    expect(own.headers.get("Content-Security-Policy")).toBe("sandbox");
    const stranger = await fetch(`${edge.url}/`, { headers: { Host: "evil.example" } });
    expect(stranger.headers.get("Content-Security-Policy")).toContain("default-src 'none'");
  });

  test("headers over their limit are refused, and cost nobody else", async () => {
    const long = `X-Long: ${"x".repeat(24 * 1024)}`;
    const { status } = await rawRequest(edge.port, { target: "/auth/me", headers: [long] });
    expect(status).toBe(431);
    const fits = `X-Long: ${"x".repeat(12 * 1024)}`;
    expect((await rawRequest(edge.port, { target: "/auth/me", headers: [fits] })).status).toBe(200);
  });
});

/** How long a client is borne that sends its body byte by byte; in milliseconds. */
function trickle(port: number, path: string): Promise<number> {
  const { promise, resolve } = Promise.withResolvers<number>();
  const began = Date.now();
  const socket = createConnection({ host: "127.0.0.1", port }, () => {
    socket.write(`POST ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 60000\r\n\r\n`);
  });
  const bytes = setInterval(() => socket.write("x"), 100);
  socket.resume();
  // A server that has closed answers a further byte with a reset.
  socket.on("error", () => undefined);
  socket.on("close", () => {
    clearInterval(bytes);
    resolve(Date.now() - began);
  });
  return promise;
}

/** Established connections to a loopback port, from /proc/net/tcp. */
async function openedConnections(port: number | undefined): Promise<number> {
  const hex = (port ?? 0).toString(16).toUpperCase().padStart(4, "0");
  const lines = (await readFile("/proc/net/tcp", "utf8")).split("\n");
  return lines.filter((line) => line.includes(`0100007F:${hex} 01 `)).length;
}

describe("the Caddyfile in service", () => {
  test("no secret is in the file, the loaded configuration or Caddy's own files", async () => {
    const entries = await readdir(edge.paths.luna, { recursive: true, withFileTypes: true });
    const files = entries.filter((entry) => entry.isFile());
    expect(files.map(({ name }) => name)).toContain("Caddyfile");
    const loaded = await rawRequest(edge.paths.caddySocket, {
      target: "/config/",
      headers: ["Host:"],
    });
    expect(loaded.body).toContain("{env.SUPERVISOR_API_TOKEN}");
    expect(loaded.body).not.toContain("canary");
    for (const { parentPath, name } of files) {
      expect(await readFile(join(parentPath, name), "utf8")).not.toContain("canary");
    }
  });

  test("nothing but the two addresses listens, and the admin socket is the owner's alone", async () => {
    expect((await stat(edge.paths.caddySocket)).mode & 0o022).toBe(0);
    const admin = await fetch("http://127.0.0.1:2019/config/").catch(() => undefined);
    expect(admin).toBeUndefined();
  });

  test("an invalid Caddyfile is refused and the last good one stays", async () => {
    const good = await readFile(edge.paths.caddyfile, "utf8");
    const place = { paths: edge.paths, program: edge.program, base: edge.base };
    await expect(writeCaddyfile("{\n\tno_such_option\n}\n", place)).rejects.toThrow(
      "no_such_option",
    );
    expect(await readFile(edge.paths.caddyfile, "utf8")).toBe(good);
    expect(await readdir(edge.paths.luna)).not.toContain("Caddyfile.candidate");
    expect(await writeCaddyfile(good, place)).toBe(false);
  });

  test("a reload takes the new file", async () => {
    const place = { paths: edge.paths, program: edge.program, base: edge.base };
    const good = await readFile(edge.paths.caddyfile, "utf8");
    const changed = good.replace('{"status":"ok"}', '{"status":"changed"}');
    expect(await writeCaddyfile(changed, place)).toBe(true);
    await reloadCaddy(place);
    // A connection that was open goes on with the old file until it is used up.
    const healthz = async () => (await get("/healthz", { Connection: "close" })).text();
    await until(async () => (await healthz()) === '{"status":"changed"}');
    await writeCaddyfile(good, place);
    await reloadCaddy(place);
    await until(async () => (await healthz()) === '{"status":"ok"}');
  });

  test("a Caddy that does not run cannot be reloaded, and says so", async () => {
    const paths = { ...edge.paths, caddySocket: join(edge.paths.luna, "nobody.sock") };
    const place = { paths, program: edge.program, base: edge.base };
    await expect(reloadCaddy(place)).rejects.toThrow("Cannot reload Caddy");
  });
});

describe("public modes", () => {
  const DOMAIN = "luna.example.com";

  test("custom_domain: HTTPS for the domain only, plain HTTP redirects, health on loopback", async () => {
    const https = await startEdge({
      deployment: { mode: "custom_domain", publicDomain: DOMAIN },
      // A local authority in place of a public one, which would need a public address.
      edit: (text) => text.replace("{\n", "{\n\tlocal_certs\n\tskip_install_trust\n"),
    });
    try {
      const offset = https.port - 8443;
      const tls = { rejectUnauthorized: false, serverName: DOMAIN };
      const ask = (host: string, path: string) =>
        fetch(`https://127.0.0.1:${443 + offset}${path}`, { headers: { Host: host }, tls });
      const answer = await until(() => ask(DOMAIN, "/auth/me").catch(() => undefined), {
        what: "the certificate",
      });
      const { headers } = await seen(answer);
      expect(headers["x-forwarded-proto"]).toBe("https");
      expect(headers["x-forwarded-host"]).toBe(DOMAIN);
      expect(answer.headers.get("Strict-Transport-Security")).toBe("max-age=31536000");
      expect((await ask("evil.example", "/auth/me")).status).toBe(421);
      const redirect = await rawRequest(80 + offset, {
        target: "/x",
        headers: [`Host: ${DOMAIN}`],
      });
      expect(redirect.status).toBe(308);
      expect(redirect.headers.get("Location")).toBe(`https://${DOMAIN}/x`);
      expect((await fetch(`${https.url}/auth/me`)).status).toBe(421);
    } finally {
      await https.stop();
    }
  }, 20_000);

  test("ngrok: the domain only, as https, on loopback", async () => {
    const tunnel = await startEdge({ deployment: { mode: "ngrok", publicDomain: DOMAIN } });
    try {
      const headers = {
        Host: DOMAIN,
        "X-Forwarded-Host": "forged.example",
        Cookie: `__Host-${tunnel.session}`,
      };
      const there = await seen(await fetch(`${tunnel.url}/api/supervisor/overview`, { headers }));
      expect(there.headers["x-forwarded-proto"]).toBe("https");
      expect(there.headers["x-forwarded-host"]).toBe(DOMAIN);
      expect((await fetch(`${tunnel.url}/`, { headers: { Cookie: tunnel.session } })).status).toBe(
        421,
      );
      // What an upstream answers, whatever it is, is for its own log.
      expect((await fetch(`${tunnel.url}/auth/gone`, { headers })).status).toBe(500);
      await tunnel.upstreams.auth.server.stop(true);
      // A tunnel sends the domain without Caddy's port; failures of Caddy's are logged all the same.
      expect((await fetch(`${tunnel.url}/auth/me`, { headers })).status).toBe(502);
      await until(async () => (await tunnel.log()).includes('"uri":"/auth/me"'));
      expect(await tunnel.log()).not.toContain("/auth/gone");
    } finally {
      await tunnel.stop();
    }
  }, 20_000);

  test.each([
    { mode: "ngrok", publicDomain: DOMAIN },
    { mode: "custom_domain", publicDomain: DOMAIN, cloudflareTunnel: true },
  ] as const)("%p: the address is the tunnel's word, never the client's", async (deployment) => {
    const tunnel = await startEdge({ deployment });
    try {
      const port = deployment.mode === "ngrok" ? tunnel.port : 80 + tunnel.port - 8443;
      const { auth } = tunnel.upstreams;
      const told = async (target: string, ...hops: string[]) => {
        const session = `Cookie: __Host-${tunnel.session}`;
        const headers = [
          `Host: ${DOMAIN}`,
          session,
          ...hops.map((hop) => `X-Forwarded-For: ${hop}`),
        ];
        const { status, body } = await rawRequest(port, { target, headers });
        expect(status).toBe(200);
        return JSON.parse(body).headers["x-forwarded-for"];
      };
      expect(await told("/auth/me", "203.0.113.9")).toBe("203.0.113.9");
      expect(await told("/auth/me", "198.51.100.1, 203.0.113.9")).toBe("203.0.113.9");
      expect(await told("/auth/me", "198.51.100.1,2001:db8::9 ")).toBe("2001:db8::9");
      expect(await told("/auth/me", "198.51.100.1", "203.0.113.9")).toBe("203.0.113.9");
      for (const odd of ["{env.LUNA_AUTH_TOKEN}", "203.0.113.9, x", "", "203.0.113.9,"]) {
        expect((await told("/auth/me", odd)) ?? "").toBe("");
      }
      expect((await told("/auth/me")) ?? "").toBe("");
      // What Caddy asks auth on the way says the same.
      expect(await told("/api/supervisor/overview", "198.51.100.1, 203.0.113.9")).toBe(
        "203.0.113.9",
      );
      const asked = auth.requests.findLast(({ path }) => path.startsWith("/verify"));
      expect(asked?.headers["x-forwarded-for"]).toBe("203.0.113.9");
    } finally {
      await tunnel.stop();
    }
  });

  test("without a tunnel nobody but the connection says the address", async () => {
    const headers = { "X-Forwarded-For": "203.0.113.9" };
    const answer = await seen(await fetch(`${edge.url}/auth/me`, { headers }));
    expect(answer.headers["x-forwarded-for"]).toBe("127.0.0.1");
  });

  test.each(["local", "ngrok", "nip_io", "custom_domain"] as const)(
    "%s: Caddy finds it valid",
    async (mode) => {
      const text = renderCaddyfile({ ...edge.options, mode, publicDomain: DOMAIN });
      const paths = { ...edge.paths, caddyfile: join(edge.paths.luna, `${mode}.Caddyfile`) };
      expect(await writeCaddyfile(text, { paths, program: edge.program, base: edge.base })).toBe(
        true,
      );
      const formatted = Bun.spawnSync([edge.program, "fmt", paths.caddyfile]).stdout.toString();
      expect(formatted.trim()).toBe(text.trim());
    },
  );
});

describe("time", () => {
  test("Caddy ends soon after SIGTERM, whatever streams are open", async () => {
    const own = await startEdge();
    const response = await fetch(`${own.url}/api/mcp/stream`);
    const reader = response.body?.getReader();
    await reader?.read();
    const began = Date.now();
    const ended = reader?.read().then(
      ({ done }) => done,
      () => true,
    );
    await own.stop();
    expect(Date.now() - began).toBeLessThan(4_000);
    expect(await ended).toBe(true);
  }, 10_000);

  test("a client that does not finish its body is cut, and streams that were open meanwhile are not", async () => {
    const { port, upstreams, session, url } = hastyEdge;
    const streams = await Promise.all([
      fetch(`${url}/api/mcp/stream`, { method: "POST", body: "{}" }),
      fetch(`${url}/api/supervisor/stream`, { headers: { Cookie: session } }),
    ]);
    const readers = streams.map(({ body }) => body?.getReader());
    for (const reader of readers) await reader?.read();
    let ended = 0;
    const further = readers.map((reader) => reader?.read().finally(() => (ended += 1)));
    const live = new SocketWithHeaders(`ws://127.0.0.1:${port}/api/supervisor/live`, {
      headers: { Cookie: session, Origin: url },
    });
    await new Promise((resolve) => {
      live.onopen = resolve;
    });
    const rows = ["/api/mcp/x", "/auth/me", "/api/supervisor/x", "/ext/notes/", "/tools", "/api"];
    const patience = await Promise.all(rows.map((path) => trickle(port, path)));
    for (const ms of patience) {
      expect(ms).toBeGreaterThan(HASTY_MS - 500);
      expect(ms).toBeLessThan(HASTY_MS * 3);
    }
    expect(ended).toBe(0);
    expect([upstreams.mcp.streams.open, upstreams.supervisor.streams.open]).toEqual([1, 1]);
    const echoed = new Promise((resolve) => {
      live.onmessage = ({ data }) => resolve(data);
    });
    live.send("still here");
    expect(await echoed).toBe("still here");
    live.close();
    for (const reader of readers) await reader?.cancel();
    await Promise.all(further);
  }, 20_000);

  test("a client that does not finish its headers is cut", async () => {
    const patience = await slowClient;
    expect(patience).toBeGreaterThan(8_000);
    expect(patience).toBeLessThan(15_000);
  }, 20_000);
});
