/** Claude Code: with a key, and signed in by OAuth, over restarts in the middle of one conversation; its model is a stand-in. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { join } from "node:path";
import { z } from "zod";
import { type AgentModel, startAgentModel } from "../support/agent-model.ts";
import { type ClientRig, RIG_TIMEOUT_MS, startClientRig } from "../support/client-rig.ts";

const TIMEOUT_MS = 90_000;
const SETTINGS = {
  CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: "1",
  DISABLE_AUTOUPDATER: "1",
  DISABLE_TELEMETRY: "1",
  ANTHROPIC_API_KEY: "none",
};

let rig: ClientRig;
let model: AgentModel;
let program: string;
beforeAll(async () => {
  rig = await startClientRig();
  model = startAgentModel();
  const found = new Bun.Glob("@anthropic-ai/claude-code-*/claude").scanSync(rig.packages);
  program = join(rig.packages, [...found][0] ?? "claude is not there");
}, RIG_TIMEOUT_MS);
afterAll(async () => {
  await model.stop();
  await rig.end();
}, TIMEOUT_MS);

const environment = () => ({ ...SETTINGS, ANTHROPIC_BASE_URL: model.url });

async function claude(...options: string[]): Promise<string> {
  const { code, stdout, stderr } = await rig.client.run([program, ...options], environment());
  if (code !== 0) throw new Error(`Claude Code ended with ${code}:\n${stdout}${stderr}`);
  return stdout;
}

const add = (name: string, url: string, ...options: string[]) =>
  claude("mcp", "add", "--scope", "user", "--transport", "http", name, url, ...options);

/** What begins a conversation says which tools there are. */
const Beginning = z.object({ type: z.literal("system"), tools: z.array(z.string()) });

/** One conversation, in which the model calls the tool, then again after each of `between`. */
async function converse(server: string, between: (() => Promise<void>)[]): Promise<void> {
  const tool = `mcp__${server}__test_simple_text`;
  model.plan(() => tool, ...between.map((act) => () => act().then(() => tool)));
  const form = ["--output-format", "stream-json", "--verbose"];
  const said = await claude("-p", "Call the tool.", "--allowedTools", tool, ...form);
  expect(Beginning.parse(JSON.parse(said.split("\n", 1)[0] ?? "")).tools).toContain(tool);
  expect(model.asked.results).toHaveLength(between.length + 1);
  for (const result of model.asked.results) expect(result).toContain("simple text response");
}

test(
  "with a named server's key it lists, calls, and goes on over restarts of MCP and of Luna",
  async () => {
    await add("named", rig.named, "--header", `Authorization: Bearer ${rig.key}`);
    expect(await claude("mcp", "list")).toMatch(/named: .*Connected/);
    await converse("named", [rig.killMcp, rig.restart]);
  },
  TIMEOUT_MS,
);

test(
  "signs in once in the browser, lists, calls, and goes on over restarts of MCP and of Luna",
  async () => {
    await add("main", rig.main);
    expect(await claude("mcp", "list")).toMatch(/main: .*Needs authentication/);
    await rig.client.runInTerminal([program, "mcp", "login", "main"], {
      environment: environment(),
      meanwhile: async () => rig.allow(await rig.client.firstOpened()),
    });
    expect(await claude("mcp", "list")).toMatch(/main: .*Connected/);
    await converse("main", [rig.killMcp, rig.restart]);
    await converse("main", []);
    expect(await rig.client.opened()).toHaveLength(1);
    expect(rig.client.strangers).toEqual([]);
  },
  TIMEOUT_MS,
);
