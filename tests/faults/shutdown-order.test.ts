/** Fault 11, a stop under load: the way in closes first, what is under way finishes, streams get a last word, core goes last. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { readFile } from "node:fs/promises";
import { fixtureExtension } from "../support/fixture.ts";
import { type LlmStandIn, startLlmStandIn } from "../support/llm-stand-in.ts";
import { type Luna, startLuna } from "../support/start-luna.ts";
import { until } from "../support/until.ts";

const TIMEOUT_MS = 60_000;
const STOP_MS_MAX = 5_000;

let luna: Luna;
let llm: LlmStandIn;
beforeEach(async () => {
  llm = startLlmStandIn({ record: false });
  luna = await startLuna({
    files: await fixtureExtension("clock"),
    environment: { OPENAI_BASE_URL: llm.url, OPENAI_API_KEY: "sk-stand-in" },
  });
  await luna.pidOf("clock__service_web");
}, TIMEOUT_MS);
afterEach(async () => {
  await luna.stop();
  await luna.remove();
  await llm.stop();
}, TIMEOUT_MS);

/** When each process reached `state`, as the supervisor's log tells it. */
async function times(state: string): Promise<Map<string, number>> {
  const lines = (await readFile(luna.paths.log("supervisor"), "utf8")).trim().split("\n");
  const found = new Map<string, number>();
  for (const line of lines) {
    const { time, message } = JSON.parse(line);
    const [, name] = new RegExp(`^(\\S+): .* -> ${state}$`).exec(message) ?? [];
    if (name !== undefined) found.set(name, Date.parse(time));
  }
  return found;
}

test(
  "fault 11: entry closes, in-flight finish, streams get a final frame, extensions end before core, exit 0",
  async () => {
    const endless = Promise.withResolvers<void>();
    async function* tokens() {
      yield "once upon a time";
      await endless.promise;
    }
    llm.otherwise({ tokens: tokens() });
    const stream = await fetch(`${luna.url}/api/agent/v1/chat/completions`, {
      method: "POST",
      headers: {
        Authorization: `Bearer ${luna.credentials.agentKey}`,
        "Content-Type": "application/json",
      },
      body: JSON.stringify({
        model: "simple_agent",
        messages: [{ role: "user", content: "Tell me a story" }],
        stream: true,
      }),
    });
    let told = "";
    const whole = (async () => {
      const decoder = new TextDecoder();
      for await (const part of stream.body ?? []) told += decoder.decode(part, { stream: true });
    })();
    await until(() => told.includes("once upon a time"));
    const cookie = await luna.signIn();
    const slow = (async () => {
      const headers = { Cookie: cookie };
      return (await fetch(`${luna.url}/api/clock/web/slow`, { headers })).text();
    })();
    const { port } = (await luna.state()).services["clock__service_web"] ?? {};
    await until(async () => {
      const about = await (await fetch(`http://127.0.0.1:${port}/about`)).json();
      return about.under_way === 1;
    });
    const began = performance.now();
    const stopped = luna.stop();
    await until(async () => {
      try {
        await fetch(`${luna.url}/healthz`, { headers: { Connection: "close" } });
        return false;
      } catch {
        return true;
      }
    });
    const closed = performance.now() - began;
    expect(await slow).toBe("at last");
    await whole;
    expect(told).toContain('"code":"unavailable"');
    expect(told).toContain("Luna stops before this answer is whole");
    expect(told).not.toContain("[DONE]");
    expect(await stopped).toBe(0);
    const took = performance.now() - began;
    expect(took).toBeLessThan(STOP_MS_MAX);
    expect(closed).toBeLessThan(took);
    endless.resolve();

    const stopping = await times("stopping");
    const ended = await times("stopped");
    const at = (of: Map<string, number>, name: string): number => of.get(name) ?? Number.NaN;
    for (const core of ["auth", "agent", "mcp", "hub"]) {
      for (const other of ["clock_ui", "clock__service_web", "clock__service_worker"]) {
        expect(at(ended, other)).toBeLessThanOrEqual(at(stopping, core));
      }
    }
    expect(at(stopping, "caddy")).toBeLessThan(at(stopping, "clock__service_web"));
    // It brought every answer home.
    expect(at(ended, "caddy")).toBeGreaterThanOrEqual(at(ended, "agent"));
    expect(luna.processes()).toEqual([]);
  },
  TIMEOUT_MS,
);
