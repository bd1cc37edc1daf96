/** Who may ask the agent API for what: the edge, AGENT_API_KEY, and named keys with each scope. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { type KeysHarness, startKeys } from "../../../tests/support/api-keys.ts";
import type { Agent } from "../../agents/agent.ts";
import type { ToolSet, ToolSource } from "../../agents/tool-source.ts";
import type { KeyScopes } from "../../contract/api-keys.ts";
import { ErrorBody } from "../../contract/error.ts";
import { messageOf } from "../../lib/errors.ts";
import { createAgentApp } from "./app.ts";

const EDGE_TOKEN = "the-token-of-the-edge-of-this-test";
const AGENT_KEY = "sk-luna-the-key-that-env-has";

const tool = (name: string, readOnlyHint?: boolean): ToolSet["tools"][number] => ({
  name,
  description: name,
  input_schema: { type: "object" },
  extension: name.split("_")[0]?.toLowerCase() ?? "",
  ...(readOnlyHint === undefined ? {} : { annotations: { readOnlyHint } }),
});
const SET: ToolSet = {
  tools: [
    tool("NOTES_GET_all", true),
    tool("NOTES_UPDATE_create", false),
    tool("BANK_GET_balance"),
    tool("BANK_PAY", false),
  ],
  system_prompts: [
    { extension: "notes", text: "On notes." },
    { extension: "bank", text: "On money." },
  ],
};
const ALL = SET.tools.map(({ name }) => name);

/** Tells which tools it is shown and which it can call; `before` runs between the two. */
function prober(name: string, before: () => Promise<void>): Agent {
  return {
    name,
    async *run({ tools, caller }) {
      const { tools: shown, system_prompts } = await tools.read();
      await before();
      const called: string[] = [];
      const refused: string[] = [];
      for (const one of ALL) {
        try {
          await tools.call({ tool: one, arguments: {}, caller });
          called.push(one);
        } catch (error) {
          refused.push(messageOf(error));
        }
      }
      const names = shown.map((each) => each.name);
      const prompts = system_prompts.map(({ text }) => text);
      const text = JSON.stringify({ shown: names, called, refused, prompts });
      yield { type: "done", text, finish_reason: "stop", usage: undefined };
    },
  };
}

let keys: KeysHarness;
let app: ReturnType<typeof createAgentApp>;
let between: () => Promise<void>;
const ran: string[] = [];
const callers = new Set<string>();

beforeEach(async () => {
  keys = await startKeys();
  await keys.apiKeys.setAgentKey(AGENT_KEY, 0);
  between = async () => undefined;
  ran.length = 0;
  callers.clear();
  const tools: ToolSource = {
    read: async () => SET,
    call: async (request) => {
      ran.push(request.tool);
      callers.add(`${request.caller.actor.kind} ${request.caller.actor.name}`);
      return { success: true, payload: "done" };
    },
  };
  app = createAgentApp({
    agents: ["simple_agent", "other_agent"].map((name) => prober(name, () => between())),
    defaultAgent: "simple_agent",
    ...{ tools, gate: keys.gate, edgeToken: EDGE_TOKEN, port: 0, log: keys.log },
    callerOf: () => ({ actor: { kind: "owner", name: "ada" }, address: null }),
  });
});
afterEach(() => keys.remove());

function request(path: string, key: string | undefined, init: RequestInit = {}) {
  const headers = new Headers({ Host: "127.0.0.1", ...(init.headers as object) });
  if (key !== undefined) headers.set("Authorization", `Bearer ${key}`);
  return Promise.resolve(app.request(path, { ...init, headers }));
}

function chat(key: string, model?: string): Promise<Response> {
  return request("/v1/chat/completions", key, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ model, messages: [{ role: "user", content: "Probe" }] }),
  });
}

interface Probe {
  shown: string[];
  called: string[];
  refused: string[];
  prompts: string[];
}

async function probe(key: string, model?: string): Promise<Probe> {
  const answer = await chat(key, model);
  const body = await answer.json();
  if (answer.status !== 200) throw new Error(JSON.stringify(body));
  return JSON.parse(body.choices[0].message.content);
}

async function models(key: string): Promise<string[]> {
  const answer = await request("/v1/models", key);
  expect(answer.status).toBe(200);
  return (await answer.json()).data.map(({ id }: { id: string }) => id);
}

async function refusal(answer: Response | Promise<Response>) {
  const { status, headers } = await answer;
  const { code, message } = ErrorBody.parse(await (await answer).json()).error;
  return { status, code, message, challenge: headers.get("WWW-Authenticate") };
}

async function keyWith(scopes: Partial<KeyScopes>): Promise<string> {
  const all: KeyScopes = { agents: "all", mcp_servers: [], tools: "all", read_only: false };
  return (await keys.create("CI", { scopes: { ...all, ...scopes } })).api_key;
}

describe("who may ask", () => {
  test("the edge and AGENT_API_KEY may use everything", async () => {
    for (const key of [EDGE_TOKEN, AGENT_KEY]) {
      expect(await models(key)).toEqual(["other_agent", "simple_agent"]);
      expect(await probe(key, "other_agent")).toEqual({
        ...{ shown: ALL, called: ALL, refused: [] },
        prompts: ["On notes.", "On money."],
      });
    }
    expect(keys.noted.every((id) => id === "AGENT_API_KEY")).toBe(true);
    await probe(await keyWith({}));
    expect([...callers]).toEqual(["owner ada", "key AGENT_API_KEY", "key CI"]);
  });

  test("what is unknown, expired or revoked is refused in the very same words, as is no key", async () => {
    const { time, apiKeys } = keys;
    const expires_at = new Date(time.now + 1000).toISOString();
    const expiring = await keys.create("expiring", { expires_at });
    const revoked = await keys.create("revoked");
    for (const { api_key } of [expiring, revoked]) await models(api_key);
    await apiKeys.revoke(revoked.key.id);
    time.now += 1000;
    const unknown = await refusal(request("/v1/models", "sk-luna-never-made"));
    expect(unknown).toMatchObject({ status: 401, code: "unauthorized", challenge: "Bearer" });
    for (const key of [expiring.api_key, revoked.api_key, undefined, ""]) {
      expect(await refusal(request("/v1/models", key))).toEqual(unknown);
    }
    for (const path of ["/v1/chat/completions", "/v1/models/simple_agent", "/openapi.json"]) {
      const method = path.endsWith("completions") ? "POST" : "GET";
      expect((await request(path, revoked.api_key, { method })).status).toBe(401);
    }
  });

  test("a rotated key works until its grace ends, its successor at once", async () => {
    const first = await keys.create("CI");
    const second = await keys.apiKeys.rotate(first.key.id, 60);
    for (const { api_key } of [first, second]) await models(api_key);
    keys.time.now += 60_000;
    await models(second.api_key);
    expect((await request("/v1/models", first.api_key)).status).toBe(401);
    const third = await keys.apiKeys.rotate(first.key.id, 0);
    expect((await request("/v1/models", second.api_key)).status).toBe(401);
    await models(third.api_key);
  });

  test("AGENT_API_KEY is replaced at once, or after a grace", async () => {
    await keys.apiKeys.setAgentKey("sk-luna-the-next-one", 60);
    for (const key of [AGENT_KEY, "sk-luna-the-next-one"]) await models(key);
    await keys.apiKeys.setAgentKey("sk-luna-the-last-one", 0);
    for (const key of [AGENT_KEY, "sk-luna-the-next-one"]) {
      expect((await request("/v1/models", key)).status).toBe(401);
    }
    await models("sk-luna-the-last-one");
    await keys.apiKeys.setAgentKey(undefined, 0);
    expect((await request("/v1/models", "sk-luna-the-last-one")).status).toBe(401);
  });

  test("a list of keys that cannot be read is 503 for keys, and the edge goes on", async () => {
    await Bun.write(keys.path, "{");
    const broken = await refusal(request("/v1/models", AGENT_KEY));
    expect(broken).toMatchObject({ status: 503, code: "unavailable" });
    expect(broken.message).not.toContain(keys.path);
    await models(EDGE_TOKEN);
  });
});

describe("agents", () => {
  test("a key sees and uses those of its scope alone", async () => {
    const key = await keyWith({ agents: ["other_agent", "gone_agent"] });
    expect(await models(key)).toEqual(["other_agent"]);
    expect((await probe(key, "other_agent")).called).toEqual(ALL);
    const needs = (name: string) => ({
      ...{ status: 403, code: "insufficient_scope" },
      challenge: 'Bearer error="insufficient_scope"',
      message: `Cannot use the model "${name}": the key is not for that, its scope needs the agent "${name}"; the owner can make one that is, in the Hub under Keys & secrets`,
    });
    expect(await refusal(chat(key, "simple_agent"))).toEqual(needs("simple_agent"));
    // The default agent is not a way around it.
    expect(await refusal(chat(key))).toEqual(needs("simple_agent"));
    expect(await refusal(request("/v1/models/simple_agent", key))).toEqual(needs("simple_agent"));
    // Nor is it told which others there are.
    expect(await refusal(chat(key, "no_agent"))).toEqual(needs("no_agent"));
    const gone = await refusal(chat(key, "gone_agent"));
    expect(gone).toMatchObject({ status: 404, code: "model_not_found" });
    expect(gone.message).not.toContain("simple_agent");
    expect(ran).toEqual(ALL);
  });

  test("a key without agents opens nothing here", async () => {
    const key = await keyWith({ agents: [], mcp_servers: "all" });
    for (const path of ["/v1/models", "/openapi.json", "/v1/none"]) {
      expect(await refusal(request(path, key))).toMatchObject({
        ...{ status: 403, code: "insufficient_scope" },
      });
    }
  });
});

describe("tools", () => {
  const cases: [string, Partial<KeyScopes>, string[], string[]][] = [
    ["all", {}, ALL, ["On notes.", "On money."]],
    ["none", { tools: [] }, [], []],
    ["one by name", { tools: ["BANK_PAY"] }, ["BANK_PAY"], ["On money."]],
    ["some by pattern", { tools: ["NOTES_*"] }, ALL.slice(0, 2), ["On notes."]],
    ["those that say they only read", { read_only: true }, ["NOTES_GET_all"], ["On notes."]],
    ["of a pattern those that only read", { tools: ["BANK_*"], read_only: true }, [], []],
  ];
  for (const [what, scopes, expected, prompts] of cases) {
    test(`${what}: shown and run are ${expected.join(", ") || "none"}`, async () => {
      const told = await probe(await keyWith(scopes));
      expect(told.shown).toEqual(expected);
      expect(told.called).toEqual(expected);
      expect(told.prompts).toEqual(prompts);
      expect(told.refused).toHaveLength(ALL.length - expected.length);
      for (const text of told.refused) expect(text).toContain("its scope needs the tool");
      expect(ran).toEqual(expected);
    });
  }

  test("a key that is revoked or narrowed while an agent works runs no further tool with it", async () => {
    const { api_key, key } = await keys.create("CI");
    between = async () => {
      const scopes: KeyScopes = { ...key.scopes, tools: ["NOTES_*"] };
      await keys.apiKeys.change(key.id, { scopes });
    };
    expect(await probe(api_key)).toMatchObject({ shown: ALL, called: ALL.slice(0, 2) });
    ran.length = 0;
    between = async () => void (await keys.apiKeys.revoke(key.id));
    const told = await probe(api_key);
    expect(told).toMatchObject({ shown: ALL.slice(0, 2), called: [] });
    expect(told.refused[0]).toContain("expired or was revoked");
    expect(ran).toEqual([]);
  });
});

describe("limits", () => {
  test("a key is told its limit, and to wait when it is used up; others go on", async () => {
    const rate_limit = { requests: 2, window_s: 10 };
    const { api_key } = await keys.create("CI", { rate_limit });
    const first = await request("/v1/models", api_key);
    expect(first.headers.get("RateLimit-Policy")).toBe('"key";q=2;w=10');
    expect(first.headers.get("RateLimit")).toBe('"key";r=1;t=5');
    expect(first.headers.has("Retry-After")).toBe(false);
    // A refusal tells of it as well, and counts.
    const refused = await chat(api_key, "no_agent");
    expect(refused.status).toBe(404);
    expect(refused.headers.get("RateLimit")).toBe('"key";r=0;t=5');
    const limited = await request("/v1/models", api_key);
    expect(limited.headers.get("Retry-After")).toBe("5");
    expect(limited.headers.get("RateLimit")).toBe('"key";r=0;t=5');
    expect(limited.headers.get("RateLimit-Policy")).toBe('"key";q=2;w=10');
    expect(await refusal(limited)).toMatchObject({ status: 429, code: "rate_limited" });
    await models(AGENT_KEY);
    await models((await keys.create("other")).api_key);
    keys.time.now += 5000;
    await models(api_key);
    expect((await request("/v1/models", api_key)).status).toBe(429);
  });

  test("without one of its own a key has that of the settings, AGENT_API_KEY another", async () => {
    const { api_key } = await keys.create("CI");
    const policyOf = async (key: string) =>
      (await request("/v1/models", key)).headers.get("RateLimit-Policy");
    expect(await policyOf(api_key)).toBe('"key";q=6000;w=60');
    expect(await policyOf(AGENT_KEY)).toBe('"key";q=60000;w=60');
    expect(await policyOf(EDGE_TOKEN)).toBe(null);
    keys.settings.config.rate_limits.api_key = null;
    expect(await policyOf(api_key)).toBe(null);
  });
});
