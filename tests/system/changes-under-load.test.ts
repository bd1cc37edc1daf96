/** An extension comes, moves and goes ten times while the compiled Luna answers 100,000 requests, none of which fails. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { stat } from "node:fs/promises";
import { MasterConfigStore } from "../../src/config/master-config.ts";
import { McpServerKey } from "../../src/contract/mcp-servers.ts";
import { CoreServiceName } from "../../src/contract/process.ts";
import { DOCUMENT } from "../support/auth-harness.ts";
import { type Load, startLoad } from "../support/load.ts";
import { apply, postJson } from "../support/runs.ts";
import { type Luna, startLuna } from "../support/start-luna.ts";
import { until } from "../support/until.ts";
import { POCKET, upload, versionFiles } from "../support/versions.ts";

const TOOL = "NOTES_GET_all";
const ROUNDS = 10;
const REQUESTS = 100_000;
/** Of each kind of request at once. */
const LOOPS = 3;
const TIMEOUT_MS = 240_000;

let luna: Luna;
let cookie: string;
let mcp: McpServerKey;
beforeAll(async () => {
  luna = await startLuna();
  // What is tested is Luna, and not how fast one client may be.
  await new MasterConfigStore(luna.paths.masterConfig).update((config) => {
    config.rate_limits = { api_key: null, agent_api_key: null, mcp_server_key: null };
  });
  cookie = await luna.signIn();
  const made = await postJson(luna, "/mcp-servers/create", { name: "all" });
  mcp = McpServerKey.parse(await made.json());
  await until(async () => (await (await luna.control("/tools/all")).text()).includes(TOOL));
}, TIMEOUT_MS);
afterAll(async () => {
  await luna.stop();
  const left = luna.processes();
  await luna.remove();
  expect(left).toEqual([]);
}, TIMEOUT_MS);

/** What is wrong with an answer: that it is not 200, or does not have `text` in it. */
async function fault(answer: Response, text: string): Promise<string | undefined> {
  const body = await answer.text();
  if (answer.status === 200 && body.includes(text)) return undefined;
  return `${answer.status} ${body.slice(0, 200)}`;
}

function ask(method: string, params: object): Promise<Response> {
  return fetch(mcp.server.url, {
    method: "POST",
    headers: {
      Authorization: `Bearer ${mcp.api_key}`,
      "Content-Type": "application/json",
      Accept: "application/json, text/event-stream",
      "MCP-Protocol-Version": "2025-11-25",
    },
    body: JSON.stringify({ jsonrpc: "2.0", id: 1, method, params }),
  });
}

/** One request to each of the core's surfaces, through Caddy. */
const surfaces = (): Record<string, () => Promise<string | undefined>> => {
  const owner = { Cookie: cookie };
  const agent = { Authorization: `Bearer ${luna.credentials.agentKey}` };
  const get = (path: string, headers: Record<string, string>) =>
    fetch(luna.url + path, { headers });
  const call = { name: TOOL, arguments: {} };
  return {
    "the Hub": async () => fault(await get("/", { ...owner, ...DOCUMENT }), "<html"),
    "sign-in": async () => fault(await get("/auth/me", owner), "owner"),
    "the control API": async () => fault(await get("/api/supervisor/health", owner), "healthy"),
    "the agent API": async () => fault(await get("/api/agent/v1/models", agent), "simple_agent"),
    "a list of tools": async () => fault(await ask("tools/list", {}), TOOL),
    "a call of a tool": async () => fault(await ask("tools/call", call), '"content"'),
  };
};

function startAll(): Load {
  const loops = Object.entries(surfaces()).flatMap(([name, request]) =>
    Array.from({ length: LOOPS }, (_, index) => [`${name} ${index}`, request] as const),
  );
  return startLoad(Object.fromEntries(loops));
}

const corePids = async () => {
  const { supervisor, services } = await luna.state();
  const names = [...CoreServiceName.options, "caddy"];
  return [supervisor.pid, ...names.map((name) => services[name]?.pid)];
};
const written = async () => (await stat(luna.paths.caddyfile)).mtimeMs;

test(
  `none of ${REQUESTS} requests fails across ${ROUNDS} installations, updates and deletions`,
  async () => {
    const [pids, caddyfile] = [await corePids(), await written()];
    const through = async (path: string) =>
      (await fetch(luna.url + path, { headers: { Cookie: cookie } })).text();
    const load = startAll();
    try {
      for (let round = 1; round <= ROUNDS; round += 1) {
        for (const [type, version] of [
          ["install", `${round}.0.0`],
          ["update", `${round}.1.0`],
        ] as const) {
          const source = await upload(luna, versionFiles(version));
          const { state, units } = await apply(luna, [{ type, target: POCKET, source }]);
          expect([type, state, units[0]?.reason]).toEqual([type, "done", null]);
          expect(await through(`/ext/${POCKET}/`)).toBe(version);
          expect(await through(`/api/${POCKET}/web/`)).toBe(version);
        }
        expect((await apply(luna, [{ type: "delete", target: POCKET }])).state).toBe("done");
      }
      await until(() => load.answered() >= REQUESTS || load.failures.length > 0, {
        timeoutMs: TIMEOUT_MS,
        what: `${REQUESTS} answers`,
      });
    } finally {
      await load.stop();
    }
    expect(load.failures).toEqual([]);
    expect(load.answered()).toBeGreaterThanOrEqual(REQUESTS);
    // Nothing was started again, and Caddy was given nothing new to read.
    expect(await corePids()).toEqual(pids);
    expect(await written()).toBe(caddyfile);
  },
  TIMEOUT_MS,
);
