/** Gemini CLI with a named server's key, over restarts in the middle of one conversation; its model is a stand-in. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { join } from "node:path";
import { type AgentModel, startAgentModel } from "../support/agent-model.ts";
import { type ClientRig, RIG_TIMEOUT_MS, startClientRig } from "../support/client-rig.ts";

const TIMEOUT_MS = 90_000;
const TOOL = "mcp_luna_test_simple_text";

const settings = ({ named, key }: ClientRig): object => ({
  telemetry: { enabled: false },
  privacy: { usageStatisticsEnabled: false },
  general: { enableAutoUpdate: false, enableAutoUpdateNotification: false },
  security: { auth: { selectedType: "gemini-api-key" } },
  mcpServers: {
    luna: { url: named, type: "http", headers: { Authorization: `Bearer ${key}` } },
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

async function gemini(...options: string[]): Promise<string> {
  const program = join(rig.packages, "@google/gemini-cli/bundle/gemini.js");
  const { code, stdout, stderr } = await rig.client.run(["node", program, ...options], {
    ...{ GEMINI_CLI_TRUST_WORKSPACE: "true" },
    ...{ GEMINI_API_KEY: "none", GOOGLE_GEMINI_BASE_URL: model.url },
  });
  if (code !== 0) throw new Error(`Gemini CLI ended with ${code}:\n${stdout}${stderr}`);
  return stdout + stderr;
}

test(
  "sees that the server is there",
  async () => {
    expect(await gemini("mcp", "list")).toMatch(/luna: .*Connected/);
  },
  TIMEOUT_MS,
);

test(
  "lists, calls, and goes on over restarts of MCP and of Luna in one conversation",
  async () => {
    model.plan(
      () => TOOL,
      () => rig.killMcp().then(() => TOOL),
      () => rig.restart().then(() => TOOL),
    );
    await gemini("-p", "Call the tool.", "-m", "gemini-2.5-flash", "--approval-mode", "yolo");
    expect(model.asked.tools).toContain(TOOL);
    expect(model.asked.results).toHaveLength(3);
    for (const result of model.asked.results) expect(result).toContain("simple text response");
    expect(rig.client.strangers).toEqual([]);
  },
  TIMEOUT_MS,
);
