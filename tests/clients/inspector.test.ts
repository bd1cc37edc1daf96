/** The MCP Inspector's command line, on both wires: with a key, and signed in by OAuth, over restarts. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { join } from "node:path";
import { type ClientRig, RIG_TIMEOUT_MS, startClientRig } from "../support/client-rig.ts";
import { freePort } from "../support/edge.ts";
import { until } from "../support/until.ts";

const TIMEOUT_MS = 90_000;
const LIST = ["--method", "tools/list"];
const CALL = ["--method", "tools/call", "--tool-name", "test_simple_text"];
const ERAS = ["legacy", "modern"] as const;
/** Without a keychain a token would be forgotten when the command ends. */
const SETTINGS = { MCP_INSPECTOR_SECRET_STORE: "file", MCP_AUTO_OPEN_ENABLED: "true" };

let rig: ClientRig;
/** Any port that is free now: its own one is the same for everybody on this machine. */
let callback: string[];
beforeAll(async () => {
  rig = await startClientRig();
  callback = ["--callback-url", `http://127.0.0.1:${freePort()}/oauth/callback`];
}, RIG_TIMEOUT_MS);
afterAll(() => rig.end(), TIMEOUT_MS);

/** Bun runs it: it wants a newer Node than Luna's tests do. */
async function inspect(url: string, ...options: string[]): Promise<string> {
  const program = join(
    rig.packages,
    "@modelcontextprotocol/inspector/clients/launcher/build/index.js",
  );
  const command = [process.execPath, program, "--cli", url, "--transport", "http", ...options];
  const { code, stdout, stderr } = await rig.client.run(command, SETTINGS);
  if (code !== 0) throw new Error(`The Inspector ended with ${code}:\n${stdout}${stderr}`);
  return stdout;
}

test(
  "with a named server's key it lists and calls on both wires, also after a restart of MCP",
  async () => {
    const key = ["--header", `Authorization: Bearer ${rig.key}`];
    for (const era of ERAS) {
      const options = [...key, "--protocol-era", era];
      expect(await inspect(rig.named, ...options, ...LIST)).toContain('"test_simple_text"');
      expect(await inspect(rig.named, ...options, ...CALL)).toContain("simple text response");
      await rig.killMcp();
      const call = () => inspect(rig.named, ...options, ...CALL);
      await until(async () => (await call()).includes("simple text response"));
    }
    expect(await rig.client.opened()).toEqual([]);
  },
  TIMEOUT_MS,
);

test(
  "signs in once in the browser, lists, and calls on both wires after restarts of MCP and of Luna",
  async () => {
    const [listed] = await Promise.all([
      inspect(rig.main, ...callback, ...LIST),
      rig.client.firstOpened().then(rig.allow),
    ]);
    expect(listed).toContain('"test_simple_text"');
    const call = (era: string) => inspect(rig.main, ...callback, "--protocol-era", era, ...CALL);
    for (const era of ERAS) {
      expect(await call(era)).toContain("simple text response");
      await rig.killMcp();
      await until(async () => (await call(era)).includes("simple text response"));
    }
    await rig.restart();
    for (const era of ERAS) expect(await call(era)).toContain("simple text response");
    expect(await rig.client.opened()).toHaveLength(1);
    expect(rig.client.strangers).toEqual([]);
  },
  TIMEOUT_MS,
);
