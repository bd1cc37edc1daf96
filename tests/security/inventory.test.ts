/** Every route that Luna's processes have × every credential that must not open it, on their own ports and through Caddy. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { z } from "zod";
import { ErrorBody } from "../../src/contract/error.ts";
import { PAGE_HEADER } from "../../src/contract/page-token.ts";
import { send, type WireAnswer, type WireRequest } from "../support/raw-http.ts";
import {
  type Access,
  accessAtEdge,
  type ClassifiedRoute,
  classifiedRoutes,
  concretePath,
  isForEveryPage,
  publicPaths,
  rowOf,
} from "./access.ts";
import {
  type BadCredential,
  badCredentials,
  type GivenOut,
  giveOut,
  ownPage,
  rightHeaders,
  sameOrigin,
} from "./credentials.ts";
import { leaksIn } from "./leak.ts";

const METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND"];
/** Statuses that say no; the last one of what is not configured. */
const REFUSALS = [400, 401, 403, 404, 405, 421, 429, 501, 503];
const SAFE = ["GET", "HEAD", "OPTIONS"];

let given: GivenOut;
let other: GivenOut;
let supervisorPid: number;

beforeAll(async () => {
  [given, other] = await Promise.all([giveOut(), giveOut()]);
  supervisorPid = (await given.luna.state()).supervisor.pid;
});
afterAll(async () => {
  for (const { luna } of [given, other]) {
    await luna.stop();
    await luna.remove();
  }
});

const { routes } = classifiedRoutes();
const portOf = ({ router }: ClassifiedRoute): number => given.luna.ports[router];
const methodOf = ({ method }: ClassifiedRoute): string => (method === "ALL" ? "POST" : method);
const titled = routes.map((route) => ({
  ...route,
  title: `${route.router} ${route.method} ${route.path}`,
}));

/** As clients of OAuth read it (RFC 6749, 5.2). */
const OAuthErrorBody = z.object({ error: z.string(), error_description: z.string() });

/** What is wrong with a refusal, in words; nothing when it is one. */
function faultOf(
  answer: WireAnswer,
  title: string,
  { allowed, route }: { allowed: readonly number[]; route: ClassifiedRoute },
): string[] {
  const faults = leaksIn(answer, given);
  if (!allowed.includes(answer.status)) faults.push(`status ${answer.status}`);
  const type = answer.headers.get("Content-Type") ?? "";
  if (
    answer.status === 401 &&
    answer.body !== "" &&
    !(isForEveryPage(route) ? OAuthErrorBody : ErrorBody).safeParse(JSON.parse(answer.body)).success
  ) {
    faults.push(`${type} is no error of Luna's`);
  }
  if (answer.headers.has("Access-Control-Allow-Origin") && !isForEveryPage(route))
    faults.push("other origins may read it");
  return faults.map((fault) => `${title}: ${fault}`);
}

/** What a class makes of a wrong credential. */
function allowedFor(
  access: Access,
  { isKnown }: BadCredential,
  isAuth: boolean,
): readonly number[] {
  if (access === "server_key" && isKnown === true) return [401, 403];
  // Auth asks for the page token of the cookie that came, before it looks whether that is a session.
  if (access === "session" && isAuth) return [401, 403];
  if (access !== "proof" && access !== "open") return [401];
  return [...REFUSALS, 409, 422, ...(access === "open" ? [200, 204, 302, 304] : [])];
}

/** What every bad credential gets on a port that should have this route. */
async function faultsAt(port: number, route: ClassifiedRoute): Promise<string[]> {
  const target = concretePath(route.path);
  const method = methodOf(route);
  const faults: string[] = [];
  for (const credential of badCredentials(route, given, other)) {
    const { name, headers, query } = credential;
    const where = query === undefined ? target : `${target}?${query}`;
    const answer = await send(port, { target: where, method, headers });
    const allowed = allowedFor(route.access, credential, route.router === "auth");
    faults.push(...faultOf(answer, name, { allowed, route }));
  }
  return faults;
}

test("a process that let everyone in would be found, on each of its routes", async () => {
  const twin = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: () => Response.json({}) });
  const guarded = titled.filter(({ access }) => access !== "open");
  for (const route of guarded) {
    const faults = await faultsAt(twin.port ?? 0, route);
    expect(faults.length).toBe(badCredentials(route, given, other).length);
  }
  expect(guarded.length).toBeGreaterThan(25);
  await twin.stop(true);
});

describe("on the process's own port", () => {
  test.each(titled)("$title", async (route) => {
    expect(await faultsAt(portOf(route), route)).toEqual([]);
  });

  test.each(titled)("$title, for a Host that is not loopback", async (route) => {
    const right = rightHeaders(route, given);
    for (const host of [
      "evil.example",
      "127.0.0.1.evil.example",
      "127.0.0.1/?",
      "localhost#",
      "0.0.0.0",
    ]) {
      const request = { target: concretePath(route.path), method: methodOf(route) };
      const answer = await send(portOf(route), { ...request, headers: [...right, ["Host", host]] });
      expect(faultOf(answer, host, { allowed: [400, 403], route })).toEqual([]);
    }
  });

  test.each(titled)("$title, by other methods", async (route) => {
    if (route.access === "open") return;
    // The proof is the body, which is missing here.
    const refusals = route.access === "proof" ? [...REFUSALS, 422] : REFUSALS;
    const target = concretePath(route.path);
    const faults: string[] = [];
    for (const method of METHODS) {
      const answer = await send(portOf(route), { target, method });
      const isOpen = routes.some(
        (one) => one.router === route.router && one.path === route.path && one.access === "open",
      );
      if (!isOpen) faults.push(...faultOf(answer, method, { allowed: refusals, route }));
    }
    expect(faults).toEqual([]);
  });

  test("the right credential opens every route that can be tried without harm", async () => {
    const shut: string[] = [];
    let tried = 0;
    for (const route of titled) {
      // A change that wants neither a name nor anything in its body would really happen.
      const wantsNothing = route.inputs.every(({ schema }) => schema.safeParse({}).success);
      if (route.method !== "GET" && !route.path.includes(":") && wantsNothing) continue;
      const request: WireRequest = {
        target: concretePath(route.path),
        method: methodOf(route),
        headers: rightHeaders(route, given),
      };
      const { status } = await send(portOf(route), request);
      tried += 1;
      // Auth's answer to Caddy's question is about somebody else, and here about nobody.
      const isQuestion = route.path === "/verify" || route.path === "/route";
      if (!isQuestion && (status === 401 || status === 403 || (status >= 500 && status !== 503))) {
        shut.push(`${route.title}: ${status}`);
      }
    }
    expect(shut).toEqual([]);
    expect(tried).toBeGreaterThan(25);
  });
});

describe("through Caddy", () => {
  test.each(titled)("$title", async (route) => {
    const faults: string[] = [];
    const { agentKey, edgeToken } = given.luna.credentials;
    const agentTokens = [agentKey, edgeToken].map((token) => `Bearer ${token}`);
    for (const target of publicPaths(route.router, concretePath(route.path))) {
      const row = rowOf(target);
      for (const credential of badCredentials(route, given, other)) {
        const { name, headers, query } = credential;
        const isGood = headers.some(
          ([, value]) =>
            value === given.session || (row.name === "agent" && agentTokens.includes(value)),
        );
        if (isGood) continue;
        const hasAuthorization = headers.some(([header]) => header === "Authorization");
        const access = accessAtEdge(route, target, hasAuthorization);
        const where = query === undefined ? target : `${target}?${query}`;
        const method = methodOf(route);
        const request = { target: where, method, headers: [...headers, ...ownPage(given)] };
        const answer = await send(given.luna.ports.caddy, request);
        // What no extension is called is not there, whoever asks.
        const allowed = [
          ...allowedFor(access, credential, row.upstream === "auth"),
          ...(row.access === "routed" ? [404] : []),
        ];
        faults.push(...faultOf(answer, `${target} with ${name}`, { allowed, route }));
      }
    }
    expect(faults).toEqual([]);
  });

  test.each(titled)("$title, from another site's page with a session", async (route) => {
    const method = methodOf(route);
    const isUpgrade = route.answers.some(({ status }) => status === 101);
    if (SAFE.includes(method) && !isUpgrade) return;
    const upgrade: [string, string][] = isUpgrade
      ? [
          ["Connection", "Upgrade"],
          ["Upgrade", "websocket"],
          ["Sec-WebSocket-Version", "13"],
          ["Sec-WebSocket-Key", btoa("0123456789abcdef")],
        ]
      : [];
    const pages: [string, string][][] = [
      [["Origin", "https://evil.example"]],
      [["Origin", "null"]],
      [["Origin", `${given.luna.url}.evil.example`]],
      [["Origin", `http://127.0.0.1:${given.luna.ports.caddy + 1}`]],
      [["Sec-Fetch-Site", "cross-site"]],
      [["Sec-Fetch-Site", "same-site"]],
      [],
    ];
    const faults: string[] = [];
    for (const target of publicPaths(route.router, concretePath(route.path))) {
      const row = rowOf(target);
      if (row.upstream === "caddy" || row.access === "own") continue;
      for (const page of pages) {
        // With the page token, which no other site has: where it comes from is enough to refuse it.
        const own = [["Cookie", given.session] as const, [PAGE_HEADER, given.page] as const];
        const headers = [...own, ...page, ...upgrade];
        const answer = await send(given.luna.ports.caddy, { target, method, headers });
        faults.push(
          ...faultOf(answer, `${target} from ${JSON.stringify(page)}`, {
            allowed: [403, 404],
            route,
          }),
        );
      }
    }
    expect(faults).toEqual([]);
  });

  test.each(titled)("$title, from an extension's page with a session", async (route) => {
    const method = methodOf(route);
    const faults: string[] = [];
    for (const target of publicPaths(route.router, concretePath(route.path))) {
      const row = rowOf(target);
      if (row.upstream !== route.router || route.access === "open" || route.access === "proof")
        continue;
      const policy = "page" in row ? row.page : row.access === "public" ? "changes" : "none";
      if (policy !== "always" && (policy !== "changes" || SAFE.includes(method))) continue;
      for (const page of ["", "-", "A".repeat(43), other.page, given.session.split("=")[1] ?? ""]) {
        const headers = [
          ["Cookie", given.session],
          ...sameOrigin(given),
          [PAGE_HEADER, page],
        ] as const;
        const answer = await send(given.luna.ports.caddy, { target, method, headers });
        faults.push(...faultOf(answer, `${target} with "${page}"`, { allowed: [403], route }));
      }
      const headers = [["Cookie", given.session], ...sameOrigin(given)] as const;
      const answer = await send(given.luna.ports.caddy, { target, method, headers });
      faults.push(...faultOf(answer, target, { allowed: [403], route }));
    }
    expect(faults).toEqual([]);
  });

  test("a session opens what is read, on Luna's own pages", async () => {
    const shut: string[] = [];
    let tried = 0;
    for (const route of titled.filter(
      ({ method, guards }) => method === "GET" && !guards.includes("tool hosts"),
    )) {
      for (const target of publicPaths(route.router, concretePath(route.path))) {
        const row = rowOf(target);
        if (row.upstream !== route.router || row.access === "own") continue;
        const headers = [["Cookie", given.session] as const, ...ownPage(given)];
        const { status } = await send(given.luna.ports.caddy, { target, headers });
        tried += 1;
        if (status === 401 || status === 403 || (status >= 500 && status !== 503))
          shut.push(`${target}: ${status}`);
      }
    }
    expect(shut).toEqual([]);
    expect(tried).toBeGreaterThan(10);
  });
});

test("after all that, every process is the one that it was", async () => {
  const { supervisor, services } = await given.luna.state();
  expect(supervisor.pid).toBe(supervisorPid);
  const restarted = Object.entries(services).filter(([, { restarts }]) => restarts > 0);
  expect(restarted).toEqual([]);
});
