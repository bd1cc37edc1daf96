/** Uses of keys are told in batches, and none is lost while nobody takes them. */
import { expect, test } from "bun:test";
import { until } from "../../tests/support/until.ts";
import type { KeyUses } from "../contract/api-keys.ts";
import { createLogger } from "../lib/log.ts";
import { sendToSupervisor, UseReport } from "./use-report.ts";

const at = (ms: number): string => new Date(ms).toISOString();

function reporter(periodMs: number) {
  const sent: KeyUses[] = [];
  const time = { now: 1000 };
  const state = { takes: true };
  const logged: string[] = [];
  const report = new UseReport({
    send: async (uses) => {
      if (!state.takes) throw new Error("nobody is there");
      sent.push(uses);
    },
    clock: () => time.now,
    log: createLogger("test", [], (line) => logged.push(line)),
    periodMs,
  });
  return { sent, time, state, logged, report };
}

test("many uses are one report, each key with its last", async () => {
  const { sent, time, report } = reporter(20);
  for (const id of ["a", "b", "a"]) {
    report.note(id);
    time.now += 1;
  }
  expect(sent).toEqual([]);
  await until(() => sent.length > 0);
  expect(sent).toEqual([{ uses: { a: at(1002), b: at(1001) } }]);
  await report.flush();
  expect(sent).toHaveLength(1);
});

test("the end tells what is not told yet", async () => {
  const { sent, report } = reporter(1_000_000);
  report.note("a");
  await report.flush();
  expect(sent).toEqual([{ uses: { a: at(1000) } }]);
});

test("what nobody took is told with the next, later times first", async () => {
  const { sent, time, state, logged, report } = reporter(1_000_000);
  state.takes = false;
  report.note("a");
  report.note("b");
  await report.flush();
  expect(logged.join()).toContain("nobody is there");
  state.takes = true;
  time.now = 2000;
  report.note("b");
  await report.flush();
  expect(sent).toEqual([{ uses: { a: at(1000), b: at(2000) } }]);
});

test("the supervisor is told with the token, and its refusal is a failure", async () => {
  const seen: unknown[] = [];
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: async (request) => {
      const { method, headers, url } = request;
      const { pathname } = new URL(url);
      seen.push([method, pathname, headers.get("Authorization"), await request.json()]);
      return new Response(null, { status: seen.length === 1 ? 200 : 401 });
    },
  });
  const send = sendToSupervisor(`http://127.0.0.1:${server.port}`, "token");
  const uses = { uses: { a: at(1000) } };
  const signal = AbortSignal.timeout(5000);
  await send(uses, signal);
  expect(seen).toEqual([["POST", "/api-key-uses", "Bearer token", uses]]);
  await expect(send(uses, signal)).rejects.toThrow("401");
  await server.stop(true);
});
