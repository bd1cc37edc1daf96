/** API keys over the control API's routes: what is answered, what is told of it, and that AGENT_API_KEY follows `.env`. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { readFile, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { Hono } from "hono";
import { type KeysHarness, startKeys } from "../../../tests/support/api-keys.ts";
import { MemoryTrail } from "../../../tests/support/memory-trail.ts";
import { EnvFile } from "../../config/env-file.ts";
import { NewApiKey } from "../../contract/api-keys.ts";
import { onError } from "../../lib/app.ts";
import { hashSecret } from "../../lib/secret.ts";
import { AgentKey } from "../agent-key.ts";
import { agentKeyRoutes, apiKeysRoutes } from "./api-keys.ts";

let keys: KeysHarness;
let audit: MemoryTrail;
let app: Hono;
let agentKey: AgentKey;
let env: string;

beforeEach(async () => {
  keys = await startKeys();
  audit = new MemoryTrail();
  env = join(dirname(keys.path), ".env");
  const { apiKeys } = keys;
  agentKey = new AgentKey({ envFile: new EnvFile(env), apiKeys });
  const caller = { actor: { kind: "owner", name: "ada" }, address: "10.0.0.1" } as const;
  const deps = { apiKeys, agentKey, audit, callerOf: () => caller };
  app = new Hono()
    .onError(onError(keys.log))
    .route("/api-keys", apiKeysRoutes(deps))
    .route("/agents", agentKeyRoutes(deps));
});
afterEach(() => keys.remove());

async function ask(method: string, path: string, body?: unknown) {
  const answer = await app.request(path, {
    method,
    ...(body === undefined
      ? {}
      : { headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) }),
  });
  return { status: answer.status, body: await answer.json() };
}

const told = () =>
  audit.events
    .filter(({ outcome }) => outcome === "ok")
    .map(({ action, target, details }) => ({ action, target, details }));

test("a key's whole life, each step of which is told, and no step with the key", async () => {
  const scopes = { agents: ["simple_agent"] };
  const created = await ask("POST", "/api-keys", { name: "CI", scopes });
  expect(created.status).toBe(200);
  const { key, api_key } = NewApiKey.parse(created.body);
  const path = `/api-keys/${key.id}`;
  expect((await ask("PATCH", path, { name: "build" })).body).toEqual({ ...key, name: "build" });
  const rotated = NewApiKey.parse((await ask("POST", `${path}/rotate`)).body);
  expect(rotated.key.previous_expires_at).toBe(
    new Date(keys.time.now + 24 * 3_600_000).toISOString(),
  );
  const listed = await ask("GET", "/api-keys");
  expect(listed.body).toEqual({ keys: [rotated.key], agent_key: null });
  expect(await ask("DELETE", path)).toEqual({ status: 200, body: { revoked: true } });
  expect((await ask("DELETE", path)).status).toBe(404);
  const { id } = key;
  expect(told()).toEqual([
    { action: "key.create", target: "CI", details: { id, scopes: key.scopes, expires_at: null } },
    { action: "key.change", target: "build", details: { id, name: "build" } },
    { action: "key.rotate", target: "build", details: { id, grace_s: 86_400 } },
    { action: "key.revoke", target: "build", details: { id } },
  ]);
  const caller = { actor: { kind: "owner", name: "ada" }, address: "10.0.0.1" };
  for (const event of audit.events) expect(event).toMatchObject(caller);
  const everything = JSON.stringify([listed, audit.events, keys.logged, await keys.apiKeys.list()]);
  for (const secret of [api_key, rotated.api_key]) {
    expect(everything).not.toContain(secret);
    expect(everything).not.toContain(hashSecret(secret));
  }
});

test("what cannot be done to a key is told as well, with its reason", async () => {
  const scopes = { agents: ["simple_agent"] };
  const { key } = NewApiKey.parse((await ask("POST", "/api-keys", { name: "CI", scopes })).body);
  const { id } = key;
  const nobody = "0123456789abcdef";
  const reason = expect.stringContaining("Cannot ");
  expect((await ask("POST", "/api-keys", { name: "ci", scopes })).status).toBe(409);
  const home = { mcp_servers: ["home"] };
  const named = await ask("PATCH", `/api-keys/${id}`, { scopes: home });
  expect([named.status, named.body.error.message]).toEqual([
    422,
    'Cannot give a key the MCP server "home": there is none of that name; there are: none yet',
  ]);
  expect((await ask("POST", `/api-keys/${nobody}/rotate`)).status).toBe(404);
  expect((await ask("DELETE", `/api-keys/${nobody}`)).status).toBe(404);
  const asked = { ...home, agents: [], tools: "all", read_only: false };
  expect(
    audit.events.slice(1).map(({ action, target, outcome, details }) => {
      return { action, target, outcome, details };
    }),
  ).toEqual([
    { action: "key.create", target: "ci", outcome: "failed", details: { reason } },
    {
      ...{ action: "key.change", target: id, outcome: "failed" },
      details: { id, scopes: asked, reason },
    },
    {
      ...{ action: "key.rotate", target: nobody, outcome: "failed" },
      details: { id: nobody, grace_s: 86_400, reason },
    },
    { action: "key.revoke", target: nobody, outcome: "failed", details: { id: nobody, reason } },
  ]);
});

test.each([
  ["POST", "/api-keys", { name: "CI" }],
  ["POST", "/api-keys", { name: "CI", scopes: { agents: "all" }, api_key: "sk-luna-mine" }],
  ["PATCH", "/api-keys/0123456789abcdef", { key_hash: "0".repeat(64) }],
  ["POST", "/api-keys/0123456789abcdef/rotate", { grace_s: -1 }],
  ["POST", "/api-keys/..%2f..%2fx/rotate", {}],
  ["POST", "/agents/regenerate-key", { grace_s: 1e9 }],
])("%s %s with %p is refused", async (method, path, body) => {
  expect((await ask(method, path, body)).status).toBe(422);
  expect(audit.events).toEqual([]);
});

test("AGENT_API_KEY is replaced in .env and in the list of keys, at once or after a grace", async () => {
  await new EnvFile(env).set({ AGENT_API_KEY: "sk-luna-first", OTHER: "kept" });
  await agentKey.sync();
  expect((await ask("GET", "/agents/api-key")).body).toEqual({ api_key: "sk-luna-first" });
  const { body } = await ask("POST", "/agents/regenerate-key");
  expect(body).toEqual({ message: "API key regenerated", api_key: expect.any(String) });
  expect(body.api_key).toMatch(/^sk-luna-[A-Za-z0-9_-]{43}$/);
  expect(await readFile(env, "utf8")).toBe(`AGENT_API_KEY=${body.api_key}\nOTHER=kept\n`);
  expect((await stat(env)).mode & 0o777).toBe(0o600);
  expect((await ask("GET", "/agents/api-key")).body).toEqual({ api_key: body.api_key });
  const view = (await keys.apiKeys.list()).agent_key;
  expect(view).toMatchObject({ key_hint: body.api_key.slice(-4), previous_expires_at: null });
  await ask("POST", "/agents/regenerate-key", { grace_s: 60 });
  expect((await keys.apiKeys.list()).agent_key?.previous_expires_at).toBe(
    new Date(keys.time.now + 60_000).toISOString(),
  );
  expect(told().map(({ action, details }) => [action, details])).toEqual([
    ["secret.reveal", undefined],
    ["key.rotate", { grace_s: 0 }],
    ["secret.reveal", undefined],
    ["key.rotate", { grace_s: 60 }],
  ]);
});

test("what somebody writes into .env counts, and what is taken out does not any more", async () => {
  const known = async () => (await keys.apiKeys.list()).agent_key?.key_hint;
  await agentKey.sync();
  expect(await known()).toBe(undefined);
  expect((await ask("GET", "/agents/api-key")).status).toBe(404);
  await Bun.write(env, "AGENT_API_KEY=sk-luna-by-hand\n");
  await agentKey.sync();
  expect(await known()).toBe("hand");
  const file = await stat(keys.path);
  await agentKey.sync();
  expect((await stat(keys.path)).mtimeMs).toBe(file.mtimeMs);
  await Bun.write(env, "");
  await agentKey.sync();
  expect(await known()).toBe(undefined);
});

test("an edit by hand while a key is made does not undo it", async () => {
  await Bun.write(env, "AGENT_API_KEY=sk-luna-first\n");
  await agentKey.sync();
  const [made] = await Promise.all([agentKey.regenerate(60), agentKey.sync(), agentKey.sync()]);
  expect(await agentKey.current()).toBe(made);
  const { agent_key } = await keys.store.read();
  expect(agent_key?.key_hash).toBe(hashSecret(made));
  expect(agent_key?.previous_hash).toBe(hashSecret("sk-luna-first"));
});
