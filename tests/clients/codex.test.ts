/** Codex CLI: with a key, and signed in by OAuth, over restarts; no account at OpenAI and no model are asked. */
import { afterAll, afterEach, beforeAll, expect, test } from "bun:test";
import { join } from "node:path";
import { z } from "zod";
import { type ClientRig, RIG_TIMEOUT_MS, startClientRig } from "../support/client-rig.ts";
import { type CodexAppServer, startCodexAppServer } from "../support/codex-app-server.ts";
import { freePort } from "../support/edge.ts";
import { until } from "../support/until.ts";

const TIMEOUT_MS = 90_000;

const Statuses = z.object({
  data: z.array(
    z.object({
      name: z.string(),
      authStatus: z.string(),
      tools: z.record(z.string(), z.unknown()),
    }),
  ),
});
const Thread = z.object({ thread: z.object({ id: z.string() }) });
const Called = z.object({ content: z.unknown(), isError: z.boolean() });
const Login = z.object({ authorizationUrl: z.string() });

/** The model's provider is a port where nobody listens; what else Codex would ask the internet for is off. */
const configuration = ({ main, named }: ClientRig): string => `
model = "none"
model_provider = "nobody"
mcp_oauth_credentials_store = "file"
check_for_update_on_startup = false
[analytics]
enabled = false
[features]
apps = false
plugins = false
remote_plugin = false
[model_providers.nobody]
name = "nobody"
base_url = "http://127.0.0.1:${freePort()}/v1"
[mcp_servers.named]
url = "${named}"
bearer_token_env_var = "LUNA_KEY"
[mcp_servers.main]
url = "${main}"
`;

let rig: ClientRig;
beforeAll(async () => {
  rig = await startClientRig();
  await rig.client.write(".codex/config.toml", configuration(rig));
}, RIG_TIMEOUT_MS);
afterAll(() => rig.end(), TIMEOUT_MS);

const running: CodexAppServer[] = [];
afterEach(async () => {
  for (const codex of running.splice(0)) await codex.end();
});

async function start() {
  const programs = new Bun.Glob("@openai/codex-*/vendor/*/bin/codex").scanSync(rig.packages);
  const program = join(rig.packages, [...programs][0] ?? "codex is not there");
  const codex = await startCodexAppServer(program, rig.client, { LUNA_KEY: rig.key });
  running.push(codex);
  return codex;
}

async function statusOf(codex: CodexAppServer, name: string) {
  const { data } = await codex.ask("mcpServerStatus/list", {}, Statuses);
  return data.find((status) => status.name === name);
}

/** Begins a conversation, whose connections then last. */
async function converse(codex: CodexAppServer) {
  const { thread } = await codex.ask("thread/start", { cwd: rig.client.path }, Thread);
  return async (server: string) => {
    const params = { threadId: thread.id, server, tool: "test_simple_text", arguments: {} };
    return JSON.stringify(await codex.ask("mcpServer/tool/call", params, Called));
  };
}

test(
  "with a named server's key it lists, calls, and goes on over restarts of MCP and of Luna",
  async () => {
    const codex = await start();
    const status = await statusOf(codex, "named");
    expect(status?.authStatus).toBe("bearerToken");
    expect(Object.keys(status?.tools ?? {})).toContain("test_simple_text");
    const call = await converse(codex);
    expect(await call("named")).toContain("simple text response");
    await rig.killMcp();
    await until(async () => (await call("named")).includes("simple text response"));
    await rig.restart();
    expect(await call("named")).toContain("simple text response");
  },
  TIMEOUT_MS,
);

test(
  "signs in once in the browser, lists, calls, and goes on over restarts of Luna and of itself",
  async () => {
    const codex = await start();
    expect((await statusOf(codex, "main"))?.authStatus).toBe("notLoggedIn");
    const { authorizationUrl } = await codex.ask("mcpServer/oauth/login", { name: "main" }, Login);
    await rig.allow(authorizationUrl);
    expect(await codex.notified("mcpServer/oauthLogin/completed")).toMatchObject({ success: true });
    const status = await statusOf(codex, "main");
    expect(status?.authStatus).toBe("oAuth");
    expect(Object.keys(status?.tools ?? {})).toContain("test_simple_text");
    const call = await converse(codex);
    expect(await call("main")).toContain("simple text response");
    await rig.restart();
    expect(await call("main")).toContain("simple text response");
    await codex.end();
    const again = await converse(await start());
    expect(await again("main")).toContain("simple text response");
    expect(rig.client.strangers).toEqual([]);
  },
  TIMEOUT_MS,
);
