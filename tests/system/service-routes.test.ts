/** Pages of external services through the real Caddy and auth as it is: plain and over TLS, stripped and whole. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { writeFile } from "node:fs/promises";
import type { ServiceRoutesFile, UiRoute } from "../../src/contract/external-service.ts";
import { certificate } from "../support/document-host.ts";
import {
  type Edge,
  freePort,
  refusal,
  SocketWithHeaders,
  seen,
  startEdge,
  startUpstream,
  type Upstream,
} from "../support/edge.ts";
import { until } from "../support/until.ts";

let edge: Edge;
let plain: Upstream;
let safe: { port: number; stop(): Promise<void> };

function routeOf(slug: string, port: number, change: Partial<UiRoute> = {}): UiRoute {
  const path = `/ext_service/${slug}`;
  return {
    ...{ service: slug, base_path: "ext_service", slug, port, scheme: "http", strip_prefix: true },
    ...{ enforce_trailing_slash: true, open_mode: "iframe", path, path_with_slash: `${path}/` },
    ...{ last_updated: new Date().toISOString(), ...change },
  };
}

beforeAll(async () => {
  edge = await startEdge();
  plain = startUpstream("plain");
  const server = Bun.serve({
    ...{ hostname: "127.0.0.1", port: 0, tls: certificate() },
    fetch: async (request) => {
      const { pathname, search } = new URL(request.url);
      const headers = Object.fromEntries(request.headers);
      const body = await request.text();
      const { method } = request;
      const path = pathname + search;
      return Response.json({ upstream: "safe", method, path, headers, body, size: body.length });
    },
  });
  safe = { port: server.port ?? 0, stop: () => server.stop(true) };
  const port = plain.server.port ?? 0;
  const routes: ServiceRoutesFile = {
    page: routeOf("page", port),
    whole: routeOf("whole", port, { strip_prefix: false, enforce_trailing_slash: false }),
    safe: routeOf("safe", safe.port, { scheme: "https" }),
    down: routeOf("down", freePort()),
  };
  await writeFile(edge.paths.serviceRoutes, JSON.stringify(routes));
});
afterAll(async () => {
  await edge.stop();
  await plain.server.stop(true);
  await safe.stop();
});

function ask(path: string, headers: Record<string, string> = {}, init: RequestInit = {}) {
  return fetch(`${edge.url}${path}`, { redirect: "manual", headers, ...init });
}

/** As a page of Luna's own asks. */
function own(path: string, init: RequestInit = {}) {
  const page = { Origin: edge.url, "Sec-Fetch-Site": "same-origin" };
  return ask(path, { ...page, Cookie: edge.session }, init);
}

describe("where a path leads", () => {
  test.each([
    ["/ext_service/page/", "plain", "/"],
    ["/ext_service/page/a/b.js?v=1&w=%2F", "plain", "/a/b.js?v=1&w=%2F"],
    ["/ext_service/whole", "plain", "/ext_service/whole"],
    ["/ext_service/whole/x", "plain", "/ext_service/whole/x"],
    ["/ext_service/safe/a?b=c", "safe", "/a?b=c"],
  ])("%s to %s as %s", async (path, upstream, arrives) => {
    expect(await seen(await own(path))).toMatchObject({ upstream, path: arrives });
  });

  test("a body arrives over TLS, too, and what is Luna's own stays behind", async () => {
    const answer = await own("/ext_service/safe/form", { method: "POST", body: "hello" });
    const { headers, body } = await answer.json();
    expect(body).toBe("hello");
    expect(headers).toMatchObject({ "x-forwarded-prefix": "/ext_service/safe" });
    expect(headers.cookie).toBeUndefined();
    const lunas = Object.keys(headers).filter((name) => name.startsWith("x-luna-"));
    expect(lunas).toEqual(["x-luna-identity"]);
  });

  test("the slash that is missing is added", async () => {
    const answer = await own("/ext_service/page?a=1");
    expect(answer.status).toBe(308);
    expect(answer.headers.get("Location")).toBe("/ext_service/page/?a=1");
  });

  test("a WebSocket", async () => {
    const messages: string[] = [];
    const url = `ws://127.0.0.1:${edge.port}/ext_service/page/live`;
    const headers = { Cookie: edge.session, Origin: edge.url };
    const socket = new SocketWithHeaders(url, { headers });
    socket.onmessage = ({ data }) => messages.push(String(data));
    await new Promise((resolve) => {
      socket.onopen = resolve;
    });
    socket.send("here");
    await until(() => messages.includes("here"), { what: "the echo" });
    socket.close();
  });
});

describe("who may not pass", () => {
  test("S2 nobody without a session, whatever they say of themselves", async () => {
    const before = plain.requests.length;
    const forged = {
      "X-Luna-Upstream": `127.0.0.1:${plain.server.port}`,
      "X-Luna-Scheme": "https",
    };
    for (const headers of [
      {},
      forged,
      { Cookie: "luna_session=x" },
      { Authorization: "Bearer x" },
    ]) {
      expect(await refusal(await ask("/ext_service/page/", headers))).toEqual({
        ...{ status: 401, code: "unauthorized" },
      });
    }
    expect(plain.requests.length).toBe(before);
    const person = await ask("/ext_service/page/", {
      ...{ "Sec-Fetch-Mode": "navigate", Accept: "text/html" },
    });
    expect(person.headers.get("Location")).toContain("/login");
  });

  test("nor another site's page with one", async () => {
    const headers = { Cookie: edge.session, Origin: "https://evil.example" };
    const answer = await ask("/ext_service/page/", headers, { method: "POST", body: "x" });
    expect(await refusal(answer)).toEqual({ status: 403, code: "forbidden" });
  });

  test("what is not there is a 404, what does not run a 503", async () => {
    expect(await refusal(await own("/ext_service/unknown/"))).toEqual({
      ...{ status: 404, code: "not_found" },
    });
    expect(await refusal(await own("/ext_service/down/"))).toEqual({
      ...{ status: 503, code: "unavailable" },
    });
  }, 15_000);
});

test("a table that is broken by hand leaves in force what it said", async () => {
  await writeFile(edge.paths.serviceRoutes, "{ oops");
  expect((await seen(await own("/ext_service/page/"))).upstream).toBe("plain");
  expect(await refusal(await own("/ext/unknown/"))).toMatchObject({ status: 404 });
});
