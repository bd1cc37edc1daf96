/** Every door of the running Luna: names that were rebound to this machine, a scoped key at each row, and the one key that is shown. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { NewApiKey } from "../../src/contract/api-keys.ts";
import { ErrorBody } from "../../src/contract/error.ts";
import { fixtureExtension } from "../support/fixture.ts";
import { send } from "../support/raw-http.ts";
import { type Luna, startLuna } from "../support/start-luna.ts";

type Header = readonly [string, string];

let luna: Luna;
let session: Header;
let page: Header;

beforeAll(async () => {
  luna = await startLuna({ files: await fixtureExtension("spy") });
  const cookie = await luna.signIn();
  session = ["Cookie", cookie];
  page = ["X-Luna-Page", await luna.pageToken(cookie)];
});
afterAll(async () => {
  await luna.stop();
  await luna.remove();
});

const own = (): Header[] => [
  ["Origin", luna.url],
  ["Sec-Fetch-Site", "same-origin"],
];
const bearer = (token: string): Header => ["Authorization", `Bearer ${token}`];

/** Names that may lead to this machine, and what could be taken for one of its own. */
const STRANGE_HOSTS = [
  ...["evil.example", "127.0.0.1.evil.example", "localhost.evil.example", "evil-localhost"],
  ...["127.0.0.1@evil.example", "evil.example@127.0.0.1", "127.0.0.1/evil.example", "127.0.0.1?x"],
  ...["127.0.0.1#x", "0.0.0.0", "127.1", "2130706433", "0x7f.0.0.1", "[::ffff:127.0.0.1]"],
  ...["luna.internal", "127.0.0.1.nip.io", "localhost.", "127.0.0.1,evil.example", ""],
];

describe.each([
  ["supervisor", "/overview"],
  ["agent", "/v1/models"],
  ["auth", "/auth/methods"],
  ["mcp", "/api/mcp"],
  ["hub", "/"],
  ["caddy", "/auth/methods"],
] as const)("the port of %s", (name, target) => {
  test("answers to no name but this machine's own, whatever the token", async () => {
    const { supervisorToken, agentKey, authToken, mcpToken } = luna.credentials;
    const port = luna.ports[name];
    const refused = name === "caddy" ? 421 : 403;
    for (const token of [supervisorToken, agentKey, authToken, mcpToken]) {
      for (const host of STRANGE_HOSTS.flatMap((one) => [one, `${one}:${port}`])) {
        for (const extra of [[], [["X-Forwarded-Host", `127.0.0.1:${port}`] as const]]) {
          const headers: Header[] = [["Host", host], bearer(token), ...extra];
          const { status, body } = await send(port, { target, headers });
          // What is no name at all is a malformed request already.
          expect([400, refused], `Host: ${host}`).toContain(status);
          expect(body, `Host: ${host}`).not.toMatch(/"(processes|data|link)"/);
        }
      }
    }
  });

  test("nor to a WebSocket or to an address in the request line", async () => {
    const port = luna.ports[name];
    const token = bearer(luna.credentials.supervisorToken);
    const upgrade: Header[] = [
      ["Connection", "Upgrade"],
      ["Upgrade", "websocket"],
      ["Sec-WebSocket-Version", "13"],
      ["Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="],
    ];
    const path = name === "caddy" ? "/api/supervisor/live" : "/live";
    const rebound = [["Host", "evil.example"] as const, token, session, page, ...upgrade];
    expect((await send(port, { target: path, headers: rebound })).status).not.toBe(101);
    const absolute = await send(port, {
      target: `http://evil.example${target}`,
      headers: [["Host", "evil.example"], token],
    });
    expect([400, 403, 404, 421]).toContain(absolute.status);
  });

  test("but to this machine's own", async () => {
    for (const host of [`127.0.0.1:${luna.ports[name]}`, `localhost:${luna.ports[name]}`]) {
      const { status } = await send(luna.ports[name], { target, headers: [["Host", host]] });
      expect([403, 421]).not.toContain(status);
    }
  });
});

describe("a scoped key at the edge", () => {
  let key: string;
  beforeAll(async () => {
    const made = await luna.control("/api-keys", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ name: "scoped", scopes: { agents: "all", tools: [] } }),
    });
    key = NewApiKey.parse(await made.json()).api_key;
  });

  const at = async (target: string, method = "GET") => {
    const body = method === "GET" ? {} : { body: "{}" };
    return await send(luna.ports.caddy, { target, method, headers: [bearer(key)], ...body });
  };

  test("opens the agent API, by itself", async () => {
    expect((await at("/api/agent/v1/models")).status).toBe(200);
  });

  test.each([
    ["/api/supervisor/overview", "GET"],
    ["/api/supervisor/agents/api-key", "GET"],
    ["/api/supervisor/services/hub/restart", "POST"],
    ["/api/external-services/x/start", "POST"],
    ["/auth/me", "GET"],
    ["/auth/account/sessions", "GET"],
    ["/auth/account/sessions", "DELETE"],
    ["/ext/spy/", "GET"],
    ["/apps/spy", "GET"],
    ["/tools", "GET"],
  ])("does not open %s (%s)", async (target, method) => {
    const answer = await at(target, method);
    expect(answer.status).toBe(401);
    expect(ErrorBody.parse(JSON.parse(answer.body)).error.code).toBe("unauthorized");
  });
});

test("the agent's key is shown to the Hub's own pages alone, however its path is spelled", async () => {
  const path = "/api/supervisor/agents/api-key";
  const shown = await send(luna.ports.caddy, { target: path, headers: [session, page] });
  expect(shown.body).toContain(luna.credentials.agentKey);
  const spellings = [
    ...[path, `${path}/`, `${path}?x`, `${path};x`, `${path}%20`, `${path}.`, `/${path}`],
    ...["/API/SUPERVISOR/AGENTS/API-KEY", "/api/supervisor/AGENTS/api-key"],
    ...["/api/supervisor/agents/api%2dkey", "/api/supervisor/%61gents/api-key"],
    ...["/%61pi/supervisor/agents/api-key", "/api/supervisor//agents/api-key"],
    ...["/api/supervisor/./agents/api-key", "/api/supervisor/x/../agents/api-key"],
    ...["/api/supervisor/agents%2fapi-key", "/api/supervisor/agents/api%252dkey"],
    ...["/api/supervisor/agents/api-key/..;/api-key", "/api/supervisor/agents\\api-key"],
  ];
  for (const target of spellings) {
    for (const method of ["GET", "HEAD", "OPTIONS", "POST"]) {
      const headers = [session, ...own(), ["X-HTTP-Method-Override", "GET"] as const];
      const { body } = await send(luna.ports.caddy, { target, method, headers });
      expect(body, `${method} ${target}`).not.toContain(luna.credentials.agentKey);
    }
  }
});
