/** The agent API as a process: ready at once, answering with the real parts, gone on SIGTERM. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import OpenAI from "openai";
import { pathsOf } from "../../src/config/paths.ts";
import { portsWith } from "../../src/config/ports.ts";
import { hashSecret } from "../../src/lib/secret.ts";
import { gate, startLlmStandIn } from "../support/llm-stand-in.ts";
import { until } from "../support/until.ts";

const API_KEY = "sk-luna-test-key-of-the-agent";
const llm = startLlmStandIn();
/** Far from a Luna that runs here, below the ports that the system gives away, different for each run. */
const OFFSET = 10_000 + (process.pid % 12_000);
const url = `http://127.0.0.1:${portsWith(OFFSET).agent}`;
let home = "";

function start() {
  const code = `
    const { main } = await import("${import.meta.dir}/../../src/services/agent/main.ts");
    const { readEnvironment } = await import("${import.meta.dir}/../../src/config/environment.ts");
    await main(readEnvironment());`;
  return Bun.spawn([process.execPath, "-e", code], {
    cwd: home,
    env: {
      LUNA_HOME: home,
      LUNA_PORT_OFFSET: String(OFFSET),
      LUNA_EDGE_TOKEN: "token-of-the-edge",
      LUNA_TOOL_HOST_TOKEN: "token-of-the-tool-hosts",
      LUNA_ASSERTION_KEY: "key-of-the-assertions",
      OPENAI_BASE_URL: llm.url,
      OPENAI_API_KEY: "",
      LLM_DEFAULT_MODEL: "stand-in",
    },
    stdout: "ignore",
    stderr: "pipe",
  });
}

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), "luna-agent-"));
  const agent_key = {
    key_hash: hashSecret(API_KEY),
    key_hint: API_KEY.slice(-4),
    created_at: "2026-01-01T00:00:00.000Z",
  };
  await Bun.write(pathsOf(home).apiKeys, JSON.stringify({ agent_key }));
});
afterAll(async () => {
  await llm.stop();
  await rm(home, { recursive: true, force: true });
});

test("serves until SIGTERM, and lets a request under way finish", async () => {
  const child = start();
  const exited = child.exited;
  try {
    await until(async () => (await fetch(`${url}/healthz`)).ok, { what: "the agent API" });
    const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: API_KEY, maxRetries: 0 });
    const more = gate();
    llm.script({
      tokens: (async function* () {
        yield "begun ";
        await more.opened;
        yield "and ended";
      })(),
    });
    const stream = await client.chat.completions.create({
      model: "simple_agent",
      messages: [{ role: "user", content: "hi" }],
      stream: true,
    });
    let text = "";
    for await (const chunk of stream) {
      text += chunk.choices[0]?.delta.content ?? "";
      if (text === "begun ") {
        child.kill("SIGTERM");
        const refused = (): Promise<boolean> =>
          fetch(`${url}/healthz`, { keepalive: false }).then(
            () => false,
            () => true,
          );
        await until(refused, { what: "the closed port" });
        more.open();
      }
    }
    expect(text).toBe("begun and ended");
    expect(await exited).toBe(0);
    const log = await new Response(child.stderr).text();
    expect(log).toContain('"message":"Listening"');
    expect(log).not.toContain('"level":"error"');
  } finally {
    child.kill("SIGKILL");
    await exited;
  }
});
