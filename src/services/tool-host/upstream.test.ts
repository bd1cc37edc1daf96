/** A server that is too slow, or has too much: what is told of it. */
import { afterEach, expect, test } from "bun:test";
import { type RemoteServer, serveOld } from "../../../tests/support/upstream-servers.ts";
import type { Upstream } from "../../contract/upstream.ts";
import { UpstreamServer } from "./upstream.ts";

const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});

function upstreamAt(url: string, more: Partial<Upstream> = {}) {
  const warnings: string[] = [];
  const warn = (message: string, facts?: object): void =>
    void warnings.push(`${message} ${JSON.stringify(facts)}`);
  const server = new UpstreamServer({
    ...{ name: "far", upstream: { url, headers: {}, oauth: false, ...more } as Upstream },
    ...{ variables: {}, cwd: "/", provider: undefined, onToolsChanged: () => undefined },
    log: { debug() {}, info() {}, warn, error() {} },
  });
  stops.push(() => server.close());
  return { server, warnings };
}

test("a server with more tools than Luna takes is told of, and those that are taken work", async () => {
  const served: RemoteServer & { grow(name: string): void } = serveOld();
  stops.push(() => served.stop());
  for (let n = 0; n < 2_000; n += 1) served.grow(`more-${n}`);
  const { server, warnings } = upstreamAt(served.url);
  const tools = await server.list();
  expect(tools).toHaveLength(2_000);
  expect(warnings).toEqual([
    'An MCP server has more tools than Luna takes; the rest is left out {"server":"far","taken":2000}',
  ]);
}, 20_000);

test("how long connecting may take is what the manifest says", async () => {
  const silent = Bun.serve({
    ...{ hostname: "127.0.0.1", port: 0, idleTimeout: 0 },
    fetch: () => Promise.withResolvers<Response>().promise,
  });
  stops.push(() => silent.stop(true));
  const { server, warnings } = upstreamAt(`http://127.0.0.1:${silent.port}/mcp`, {
    connect_timeout_ms: 50,
  });
  const began = performance.now();
  await expect(server.list()).rejects.toThrow("cannot be reached");
  expect(performance.now() - began).toBeLessThan(5_000);
  expect(warnings).toHaveLength(1);
  // It is left alone for a moment.
  await expect(server.list()).rejects.toThrow("is tried again in 1 s");
});
