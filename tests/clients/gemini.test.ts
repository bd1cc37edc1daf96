/** Gemini CLI: with a key, and signed in by OAuth, over restarts in the middle of one conversation; its model is a stand-in. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { join } from "node:path";
import { type AgentModel, startAgentModel } from "../support/agent-model.ts";
import { type ClientRig, RIG_TIMEOUT_MS, startClientRig } from "../support/client-rig.ts";

const TIMEOUT_MS = 90_000;

const settings = ({ main, named, key }: ClientRig): object => ({
  telemetry: { enabled: false },
  privacy: { usageStatisticsEnabled: false },
  general: { enableAutoUpdate: false, enableAutoUpdateNotification: false },
  security: { auth: { selectedType: "gemini-api-key" } },
  mcpServers: {
    named: { url: named, type: "http", headers: { Authorization: `Bearer ${key}` } },
    main: { url: main, type: "http", oauth: { enabled: true } },
  },
});

let rig: ClientRig;
let model: AgentModel;
beforeAll(async () => {
  rig = await startClientRig();
  model = startAgentModel();
  await rig.client.write(".gemini/settings.json", JSON.stringify(settings(rig)));
}, RIG_TIMEOUT_MS);
afterAll(async () => {
  await model.stop();
  await rig.end();
}, TIMEOUT_MS);

const program = () => join(rig.packages, "@google/gemini-cli/bundle/gemini.js");
const environment = () => ({
  ...{ GEMINI_CLI_TRUST_WORKSPACE: "true" },
  ...{ GEMINI_API_KEY: "none", GOOGLE_GEMINI_BASE_URL: model.url },
});
const conversation = (server: string): string[] => [
  ...["-p", "Call the tool.", "-m", "gemini-2.5-flash", "--approval-mode", "yolo"],
  ...["--allowed-mcp-server-names", server],
];

async function gemini(...options: string[]): Promise<string> {
  const ran = await rig.client.run(["node", program(), ...options], environment());
  const said = ran.stdout + ran.stderr;
  if (ran.code !== 0) throw new Error(`Gemini CLI ended with ${ran.code}:\n${said}`);
  return said;
}

/** One conversation, in which the model calls the tool, then again after restarts of MCP and of Luna. */
async function converse(server: string): Promise<void> {
  const tool = `mcp_${server}_test_simple_text`;
  model.plan(
    () => tool,
    () => rig.killMcp().then(() => tool),
    () => rig.restart().then(() => tool),
  );
  await gemini(...conversation(server));
  expect(model.asked.tools).toContain(tool);
  expect(model.asked.results).toHaveLength(3);
  for (const result of model.asked.results) expect(result).toContain("simple text response");
}

test(
  "with a named server's key it lists, calls, and goes on over restarts of MCP and of Luna",
  async () => {
    expect(await gemini("mcp", "list")).toMatch(/named: .*Connected/);
    await converse("named");
    expect(await rig.client.opened()).toEqual([]);
  },
  TIMEOUT_MS,
);

test(
  "signs in once in the browser, lists, calls, and goes on over restarts of MCP and of Luna",
  async () => {
    model.plan();
    await rig.client.runInTerminal(["node", program(), ...conversation("main")], {
      environment: environment(),
      meanwhile: async () => rig.allow(await rig.client.firstOpened()),
      answer: ["Do you want to continue? [Y/n]", "y\r"],
    });
    await converse("main");
    expect(await rig.client.opened()).toHaveLength(1);
    expect(rig.client.strangers).toEqual([]);
  },
  TIMEOUT_MS,
);
