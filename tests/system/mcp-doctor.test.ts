/** `luna mcp doctor` on the compiled Luna: the way of each client is good, and what stands in it is named, with whose it is. */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import type { Server } from "bun";
import { playClient, type TrialServer } from "../../src/connector/play.ts";
import { PROFILES } from "../../src/connector/profiles.ts";
import { DoctorClient, DoctorStep, McpDoctorReport } from "../../src/contract/mcp-doctor.ts";
import { McpServerKey, McpServerList } from "../../src/contract/mcp-servers.ts";
import { freePort } from "../support/edge.ts";
import { postJson } from "../support/runs.ts";
import { type Luna, startLuna } from "../support/start-luna.ts";

setDefaultTimeout(60_000);

let luna: Luna;
let named: McpServerKey;
beforeAll(async () => {
  luna = await startLuna();
  const made = await postJson(luna, "/mcp-servers/create", { name: "trial" });
  named = McpServerKey.parse(await made.json());
});
afterAll(async () => {
  await luna.stop();
  const left = luna.processes();
  await luna.remove();
  expect(left).toEqual([]);
});

describe("on a Luna that is well", () => {
  test("each client goes its whole way, and nothing of that is left", async () => {
    const { code, stdout } = await luna.run("mcp", "doctor", "--json");
    const report = McpDoctorReport.parse(JSON.parse(stdout));
    expect([code, report.healthy, report.url]).toEqual([0, true, luna.url]);
    expect(report.clients.map(({ client }) => client)).toEqual([...DoctorClient.options]);
    for (const { client, findings } of report.clients) {
      expect(findings.map(({ step }) => step)).toEqual([...DoctorStep.options]);
      // The makers' servers of the first two do not reach this machine.
      const isInCloud = client === "claude" || client === "chatgpt";
      const told = findings.filter(({ status }) => status !== "ok");
      expect(told.map(({ step, status, whose }) => `${step} ${status} ${whose}`)).toEqual(
        isInCloud ? ["reach warn client"] : [],
      );
    }
    const { servers } = McpServerList.parse(await (await luna.control("/mcp-servers/list")).json());
    expect(servers.map(({ name }) => name)).toEqual(["trial"]);
    expect((await luna.run("mcp", "clients")).stdout).toContain("No MCP client");
  });

  test("people read a line for each step", async () => {
    const { code, stdout } = await luna.run("mcp", "doctor", "cursor");
    expect(code).toBe(0);
    expect(stdout).toContain(`Cursor to ${luna.url}/api/mcp\n  ok  reach       Cursor may reach`);
    expect(stdout).toMatch(/ {2}ok {2}call {8}With a key, \d+ tools are listed\n$/);
    expect(stdout).not.toContain("Claude");
    const wrong = await luna.run("mcp", "doctor", "nobody");
    expect([wrong.code, wrong.stderr]).toEqual([1, expect.stringContaining("vscode")]);
  });

  test("each step of a client is in the audit log, with what it was refused for", async () => {
    await luna.run("mcp", "doctor", "vscode");
    const { stdout } = await luna.run("audit", "--since", "1h");
    for (const text of [
      ...["it brought no access token", "oauth.discover", "oauth.register", "sent to sign-in"],
      ...["There is no such code of this client", "its access token is not known here"],
      ...["mcp.connect", "mcp.doctor"],
    ]) {
      expect(stdout).toContain(text);
    }
    expect(stdout).not.toMatch(/luna-at-[A-Za-z0-9_-]{20}/);
  });
});

interface Between {
  /** Answers in Luna's place. */
  answer?(url: URL, request: Request): Response | undefined;
  /** What becomes of the request's headers. */
  sent?(headers: Headers): void;
  /** What becomes of the answer's headers. */
  back?(headers: Headers): void;
  /** Whether Luna is asked by another name than the client used, and nobody puts that right. */
  renames?: boolean;
}

/** What stands in front of Luna, good but for what `between` does: clients know Luna by its address. */
async function throughProxy(between: Between, play: (origin: string) => Promise<void>) {
  const there = new URL(luna.url);
  const server: Server<undefined> = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: async (request) => {
      const url = new URL(request.url);
      const answer = between.answer?.(url, request);
      if (answer !== undefined) return answer;
      const own = `127.0.0.1:${server.port}`;
      const swap = (text: string, [from, to]: [string, string]): string =>
        between.renames === true ? text : text.replaceAll(from, to);
      const headers = new Headers(request.headers);
      headers.set("Host", there.host);
      headers.delete("Accept-Encoding");
      between.sent?.(headers);
      const path = swap(url.pathname + url.search, [
        encodeURIComponent(`http://${own}`),
        encodeURIComponent(luna.url),
      ]);
      const body = swap(await request.text(), [
        encodeURIComponent(`http://${own}`),
        encodeURIComponent(luna.url),
      ]);
      const real = await fetch(luna.url + path, {
        ...{ method: request.method, headers, redirect: "manual" },
        ...(body === "" ? {} : { body }),
      });
      const back = new Headers();
      for (const [name, value] of real.headers) back.set(name, swap(value, [there.host, own]));
      back.delete("Content-Length");
      between.back?.(back);
      const text = swap(await real.text(), [there.host, own]);
      return new Response(text, { status: real.status, headers: back });
    },
  });
  try {
    await play(`http://127.0.0.1:${server.port}`);
  } finally {
    await server.stop(true);
  }
}

const trialAt = (origin: string): TrialServer => ({
  url: named.server.url.replace(luna.url, origin),
  api_key: named.api_key,
});

async function findingsAt(origin: string) {
  const { findings } = await playClient(origin, PROFILES.cursor, trialAt(origin));
  return findings;
}

const page = (status: number, headers: Record<string, string> = {}): Response =>
  new Response("<!doctype html><html><title>Just a moment</title></html>", {
    ...{ status, headers: { "Content-Type": "text/html", ...headers } },
  });
const at = (prefix: string, make: () => Response) => (url: URL) =>
  url.pathname.startsWith(prefix) ? make() : undefined;

describe("what stands in the way", () => {
  test("of a proxy that is good, nothing is said", async () => {
    await throughProxy({}, async (origin) => {
      const findings = await findingsAt(origin);
      expect(findings.filter(({ status }) => status !== "ok")).toEqual([]);
      expect(findings.length).toBe(DoctorStep.options.length);
    });
  });

  const faults: [string, Between, string, RegExp][] = [
    [
      "a challenge of Cloudflare's",
      { answer: at("/api/", () => page(403, { "cf-mitigated": "challenge" })) },
      ...(["challenge in_front", /Cloudflare answered with a page/] as const),
    ],
    [
      "a page of ngrok's",
      { answer: at("/", () => new Response("<html>ERR_NGROK_3200</html>", { status: 404 })) },
      ...(["challenge in_front", /ngrok answered/] as const),
    ],
    [
      "a redirect to https",
      {
        answer: ({ pathname }) =>
          new Response(null, {
            status: 308,
            headers: { Location: `https://luna.example${pathname}` },
          }),
      },
      ...(["challenge in_front", /redirect \(308\) to https:\/\/luna\.example/] as const),
    ],
    [
      "a gateway that does not reach Luna",
      { answer: () => page(502) },
      ...(["challenge in_front", /cannot reach Luna/] as const),
    ],
    [
      "another name than clients use",
      { renames: true },
      ...(["challenge in_front", /they go where it is not/] as const),
    ],
    [
      "a proxy that drops WWW-Authenticate",
      { back: (headers) => headers.delete("WWW-Authenticate") },
      ...(["challenge in_front", /does not say where to sign in/] as const),
    ],
    [
      "a proxy that keeps /.well-known for itself",
      { answer: at("/.well-known", () => page(404)) },
      ...(["resource in_front", /that path does not reach it/] as const),
    ],
    [
      "a proxy that answers with another program's document",
      {
        answer: at("/.well-known/oauth-authorization-server", () => Response.json({ issuer: "x" })),
      },
      ...(["server in_front", /not by Luna/] as const),
    ],
    [
      "a limit of Luna's own",
      {
        answer: at("/api/register", () =>
          Response.json(
            { error: { code: "too_many", message: "Cannot register" } },
            { status: 429 },
          ),
        ),
      },
      ...(["register luna", /Luna answered 429 at \/api\/register: Cannot register/] as const),
    ],
    [
      "a sign-in page that is another's",
      { answer: at("/login", () => page(503)) },
      ...(["sign_in in_front", /cannot reach Luna/] as const),
    ],
    [
      "a proxy that drops Authorization",
      { sent: (headers) => headers.delete("Authorization") },
      ...(["header in_front", /Authorization does not arrive/] as const),
    ],
    [
      "a proxy that keeps named servers back",
      { answer: at("/api/mcp-trial", () => page(403)) },
      ...(["call in_front", /not by Luna/] as const),
    ],
  ];
  test.each(faults)("%s", async (_, between, where, title) => {
    await throughProxy(between, async (origin) => {
      const findings = await findingsAt(origin);
      const last = findings.at(-1);
      expect(`${last?.step} ${last?.whose}`).toBe(where);
      expect(last?.status).toBe("fail");
      expect(last?.title).toMatch(title);
      expect(last?.fix).not.toBe("");
      // All before it is good, and nothing after it is tried.
      expect(findings.slice(0, -1).every(({ status }) => status === "ok")).toBe(true);
    });
  });

  test("nothing at all, and a name that is none", async () => {
    const nothing = (await findingsAt(`http://127.0.0.1:${freePort()}`)).at(-1);
    expect(nothing).toMatchObject({ step: "challenge", status: "fail", whose: "network" });
    expect(nothing?.title).toContain("Nothing listens");
    const nameless = (await findingsAt("http://no-such-name.invalid")).at(-1);
    expect(nameless).toMatchObject({ step: "challenge", status: "fail", whose: "network" });
    expect(nameless?.title).toContain("There is no address for the name no-such-name.invalid");
  });
});
