/** Named weaknesses of what requests hold, tried on the compiled Luna; each probe also succeeds on something that has the weakness. */
import { Database } from "bun:sqlite";
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { createHmac } from "node:crypto";
import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { load } from "@langchain/core/load";
import { z } from "zod";
import { McpServerKey } from "../../src/contract/mcp-servers.ts";
import { deriveSecret, hashSecret } from "../../src/lib/secret.ts";
import { fixtureExtension } from "../support/fixture.ts";
import { type LlmStandIn, startLlmStandIn } from "../support/llm-stand-in.ts";
import { send } from "../support/raw-http.ts";
import { until } from "../support/until.ts";
import { type GivenOut, giveOut, ownPage } from "./credentials.ts";

/** Clients at once, each with a text of its own. */
const CLIENTS = 200;
/** A search may take a while; the control API must answer meanwhile. */
const ANSWER_MS_MAX = 2_000;
/** The search itself is given up after 10 s. */
const SEARCH_TIMEOUT_MS = 60_000;

let llm: LlmStandIn;
let given: GivenOut;
beforeAll(async () => {
  llm = startLlmStandIn();
  given = await giveOut({
    environment: { OPENAI_BASE_URL: llm.url },
    files: await fixtureExtension("witness"),
  });
  await until(async () => (await control("/tools/all")).body.includes("WITNESS_GET_echo"));
});
afterAll(async () => {
  await given.luna.stop();
  await given.luna.remove();
  await llm.stop();
});

type Pairs = readonly (readonly [string, string])[];

const control = (target: string, body?: unknown, more: Pairs = []) =>
  send(given.luna.ports.supervisor, {
    target,
    ...(body === undefined ? {} : { method: "POST", body: JSON.stringify(body) }),
    headers: [
      ["Authorization", `Bearer ${given.luna.credentials.supervisorToken}`],
      ...(body === undefined ? [] : [["Content-Type", "application/json"] as const]),
      ...more,
    ],
  });

async function echo(text: string): Promise<string> {
  const { body } = await control("/tools/execute/WITNESS_GET_echo", { text });
  const Answer = z.object({ result: z.object({ text: z.string() }) });
  return Answer.parse(JSON.parse(body)).result.text;
}

const serversNow = async () => (await control("/mcp-servers/list")).body;

describe("sessions and keys", () => {
  test("S5 a session that was ended opens nothing any more", async () => {
    const me = (cookie: string) =>
      send(given.luna.ports.caddy, { target: "/auth/me", headers: [["Cookie", cookie]] });
    expect((await me(given.session)).status).toBe(200);
    expect((await me(given.revoked)).status).toBe(401);
    // A cookie that is believed for its signature alone outlives every sign-out.
    const sign = (text: string) =>
      `${text}.${createHmac("sha256", "key").update(text).digest("hex")}`;
    const verify = (cookie: string) => sign(cookie.split(".")[0] ?? "") === cookie;
    expect(verify(sign("owner"))).toBe(true);
  });

  test("CVE-2026-59216 a session's id that the client chose", async () => {
    const chosen = "C".repeat(43);
    const link = (await given.luna.run("login-link")).stdout.trim().split("#t=")[1];
    const answer = await send(given.luna.ports.caddy, {
      method: "POST",
      target: "/auth/link",
      headers: [
        ["Content-Type", "application/json"],
        ["Cookie", `luna_session=${chosen}`],
        ...ownPage(given),
      ],
      body: JSON.stringify({ token: link }),
    });
    expect(answer.status).toBe(200);
    expect(answer.head).toContain("luna_session=");
    expect(answer.head).not.toContain(chosen);
    const me = { target: "/auth/me", headers: [["Cookie", `luna_session=${chosen}`]] } as const;
    expect((await send(given.luna.ports.caddy, me)).status).toBe(401);
    const adopt = (sent: string | undefined) => sent ?? crypto.randomUUID();
    expect(adopt(chosen)).toBe(chosen);
  });

  test("CVE-2026-114612 each key opens its own door and no other", async () => {
    const { credentials, ports } = given.luna;
    const doors = {
      control: [ports.supervisor, "GET", "/overview"],
      "tool hosts": [ports.supervisor, "POST", "/tool-hosts/none/start"],
      agent: [ports.agent, "GET", "/v1/models"],
      auth: [ports.auth, "POST", "/login-links"],
      checks: [ports.auth, "POST", "/oauth/access"],
      mcp: [ports.mcp, "POST", "/api/mcp-keyed/mcp"],
    } as const;
    const opened: Record<string, string[]> = {};
    for (const [name, secret] of Object.entries(credentials)) {
      for (const [door, [port, method, target]] of Object.entries(doors)) {
        const headers = [["Authorization", `Bearer ${secret}`]] as const;
        const { status } = await send(port, { method, target, headers });
        if (status !== 401 && status !== 403) opened[name] = [...(opened[name] ?? []), door];
      }
    }
    expect(opened).toEqual({
      supervisorToken: ["control"],
      agentKey: ["agent"],
      edgeToken: ["agent"],
      authToken: ["auth"],
      mcpToken: ["mcp"],
      toolHostToken: ["tool hosts"],
      tokenCheck: ["checks"],
    });
    expect(deriveSecret("root", "auth")).not.toBe(deriveSecret("root", "mcp"));
    const oneForAll = (root: string, _purpose: string) => hashSecret(root);
    expect(oneForAll("root", "auth")).toBe(oneForAll("root", "mcp"));
  });

  test("a key that was replaced is worth nothing with the next request", async () => {
    const made = McpServerKey.parse(
      JSON.parse((await control("/mcp-servers/create", { name: "replaced" })).body),
    );
    const list = (key: string) =>
      send(given.luna.ports.mcp, {
        method: "POST",
        target: "/api/mcp-replaced/mcp",
        headers: [
          ["Authorization", `Bearer ${key}`],
          ["Content-Type", "application/json"],
          ["Accept", "application/json, text/event-stream"],
        ],
        body: JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/list" }),
      });
    expect((await list(made.api_key)).status).toBe(200);
    const next = McpServerKey.parse(
      JSON.parse((await control("/mcp-servers/replaced/regenerate-key", {})).body),
    );
    expect((await list(made.api_key)).status).toBe(401);
    expect((await list(next.api_key)).status).toBe(200);
  });

  test("CVE-2026-42208 SQL in a credential", async () => {
    const attacks = [
      "' OR '1'='1",
      "'; DROP TABLE sessions; --",
      '" OR 1=1 --',
      "x' UNION SELECT 1 --",
    ];
    for (const attack of attacks) {
      const headers = [
        ["Authorization", `Bearer ${attack.replaceAll(" ", "/**/")}`],
        ["Cookie", `luna_session=${attack.replaceAll(";", "")}`],
      ] as const;
      for (const [port, target] of [
        [given.luna.ports.caddy, "/api/supervisor/overview"],
        [given.luna.ports.caddy, "/auth/me"],
        [given.luna.ports.agent, "/v1/models"],
        [given.luna.ports.mcp, "/api/mcp-keyed/mcp"],
      ] as const) {
        expect((await send(port, { target, headers })).status).toBe(401);
      }
    }
    const me = { target: "/auth/me", headers: [["Cookie", given.session]] } as const;
    expect((await send(given.luna.ports.caddy, me)).status).toBe(200);
    const naive = new Database(":memory:");
    naive.run("CREATE TABLE sessions (id TEXT)");
    naive.run("INSERT INTO sessions VALUES ('real')");
    const found = naive.query(`SELECT * FROM sessions WHERE id = '${attacks[0]}'`).all();
    expect(found).toHaveLength(1);
  });
});

describe("names, types and texts", () => {
  test("S14, CVE-2025-71334 names that are paths", async () => {
    const before = await serversNow();
    const names = [
      "../x",
      "..",
      "a/b",
      "/etc/x",
      "a\u0000b",
      "..%2fx",
      "a\\b",
      ".hidden",
      "A",
      "a b",
      "__proto__",
    ];
    for (const name of names) {
      expect((await control("/mcp-servers/create", { name })).status).toBe(422);
      const encoded = encodeURIComponent(name);
      for (const target of [
        `/services/${encoded}/stop`,
        `/mcp-servers/${encoded}/regenerate-key`,
        `/api-keys/${encoded}/rotate`,
      ]) {
        expect([404, 422]).toContain((await control(target, {})).status);
      }
      const { body } = await control(`/logs?names=${encoded}`);
      expect(body).not.toContain("root:");
    }
    expect((await control("/logs?names=../../../../etc/passwd")).status).toBe(422);
    expect(await serversNow()).toBe(before);
    expect(existsSync(join(given.luna.home, "x"))).toBe(false);
    expect(join(given.luna.home, "logs", "../x")).toBe(join(given.luna.home, "x"));
  });

  test("CVE-2026-21858, CVE-2025-68613 a body that is not what it says it is", async () => {
    const before = await serversNow();
    const body = JSON.stringify({ name: "confused" });
    for (const type of [
      "text/plain",
      "multipart/form-data; boundary=x",
      "application/x-www-form-urlencoded",
      "",
    ]) {
      const answer = await send(given.luna.ports.supervisor, {
        method: "POST",
        target: "/mcp-servers/create",
        headers: [
          ["Authorization", `Bearer ${given.luna.credentials.supervisorToken}`],
          ...(type === "" ? [] : [["Content-Type", type] as const]),
        ],
        body,
      });
      expect(answer.status).toBe(422);
    }
    expect(await serversNow()).toBe(before);
    // Whoever reads JSON whatever the type says would have taken it.
    expect(JSON.parse(body)).toEqual({ name: "confused" });
    expect((await control("/mcp-servers/create", { name: "confused" })).status).toBe(200);
  });

  test("CVE-2026-42203 templates in a text are text", async () => {
    const text = "{{7*7}} <%= 7*7 %> #{7*7} {%7*7%} $((7*7)) `echo 49`";
    expect(await echo(text)).toBe(text);
    const { body } = await control(`/tools/execute/${encodeURIComponent("{{7*7}}")}`, {});
    expect(body).not.toContain("49");
    const render = text.replace(/\{\{(\d)\*(\d)\}\}/, (_all, one, other) => String(one * other));
    expect(render).toContain("49");
  });

  test("CVE-2025-68664, CVE-2025-68665 an object that a library would make a secret of", async () => {
    const planted = { lc: 1, type: "secret", id: ["AGENT_API_KEY"] };
    const text = JSON.stringify(planted);
    llm.script({ tool_calls: [{ name: "WITNESS_GET_echo", arguments: { text } }] }, { text });
    const answer = await send(given.luna.ports.agent, {
      method: "POST",
      target: "/v1/chat/completions",
      headers: [
        ["Authorization", `Bearer ${given.luna.credentials.agentKey}`],
        ["Content-Type", "application/json"],
      ],
      body: JSON.stringify({ messages: [{ role: "user", content: text }], metadata: planted }),
    });
    expect(answer.status).toBe(200);
    expect(answer.body).not.toContain(given.luna.credentials.agentKey);
    const sent = JSON.stringify(llm.requests.map((request) => request.body));
    expect(sent).toContain("AGENT_API_KEY");
    expect(sent).not.toContain(given.luna.credentials.agentKey);
    expect(await load(text, { secretsMap: { AGENT_API_KEY: "canary" } })).toEqual("canary");
  });

  test("an address to come back to is one of Luna's own", async () => {
    for (const to of [
      "https://evil.example",
      "//evil.example",
      "/\\evil.example",
      "javascript:alert(1)",
      "/%09/evil.example",
    ]) {
      const { headers } = await send(given.luna.ports.caddy, {
        target: `/auth/login?returnTo=${encodeURIComponent(to)}`,
      });
      const location = new URL(headers.get("Location") ?? "", given.luna.url);
      expect(location.origin).toBe(new URL(given.luna.url).origin);
      const next = location.searchParams.get("returnTo") ?? "/";
      expect(new URL(next, given.luna.url).origin).toBe(new URL(given.luna.url).origin);
    }
    expect(new URL("/\\evil.example", given.luna.url).host).toBe("evil.example");
  });
});

describe("work that a request causes", () => {
  test(
    "CVE-2025-5891 a pattern that takes for ever holds up nobody",
    async () => {
      const line = `${"a".repeat(40)}!`;
      await writeFile(join(given.luna.paths.logs, "planted.log"), `${line}\n`.repeat(200));
      const search = control(`/logs?names=planted&grep=${encodeURIComponent("(a|aa)+$")}`);
      const waits: number[] = [];
      for (let at = 0; at < 10; at += 1) {
        const began = performance.now();
        expect((await control("/overview")).status).toBe(200);
        waits.push(performance.now() - began);
      }
      expect(Math.max(...waits)).toBeLessThan(ANSWER_MS_MAX);
      expect([200, 503]).toContain((await search).status);
      // In the same process it would: each further letter takes longer than all before it.
      const took = (letters: number) => {
        const began = performance.now();
        /(a|aa)+$/.test(`${"a".repeat(letters)}!`);
        return performance.now() - began;
      };
      expect(took(26)).toBeGreaterThan(4 * took(16));
    },
    SEARCH_TIMEOUT_MS,
  );

  test("CVE-2025-8022 a word of a client's is never an option of a program", async () => {
    const help = (await given.luna.run("logs", "--help")).stdout;
    expect(help).toContain("--grep");
    for (const query of [
      "grep=--help",
      "names=--help&grep=x",
      "grep=--since%3Dx",
      "names=-h&grep=x",
    ]) {
      const { status, body } = await control(`/logs?${query}`);
      // A log of such a name is looked for, and there is none.
      expect(status).toBe(query.startsWith("names") ? 404 : 200);
      expect(body).not.toContain(help.trim().split("\n")[0] ?? "");
    }
  });

  test("CVE-2026-25536 answers of many clients at once do not cross", async () => {
    const call = async (port: number, text: string): Promise<boolean> => {
      const { body } = await send(port, {
        method: "POST",
        target: "/api/mcp-keyed/mcp",
        headers: [
          ["Authorization", `Bearer ${given.serverKey}`],
          ["Content-Type", "application/json"],
          ["Accept", "application/json, text/event-stream"],
        ],
        body: JSON.stringify({
          ...{ jsonrpc: "2.0", id: 1, method: "tools/call" },
          params: { name: "WITNESS_GET_echo", arguments: { text } },
        }),
      });
      return body.includes(text);
    };
    const texts = Array.from({ length: CLIENTS }, (_, at) => `text-${at}-${crypto.randomUUID()}`);
    const own = await Promise.all(texts.map((text) => call(given.luna.ports.mcp, text)));
    expect(own.filter((isOwn) => !isOwn)).toEqual([]);
    // One place for everybody's request, as one server object for all clients has it.
    let current = "";
    const twin = Bun.serve({
      hostname: "127.0.0.1",
      port: 0,
      async fetch(request) {
        current = await request.text();
        await new Promise((resolve) => setImmediate(resolve));
        return new Response(current);
      },
    });
    const crossed = await Promise.all(texts.map((text) => call(twin.port ?? 0, text)));
    expect(crossed.filter((isOwn) => !isOwn).length).toBeGreaterThan(0);
    await twin.stop(true);
  });
});
