/** Free and taken ports, with real listeners on every kind of local address. */
import { expect, test } from "bun:test";
import { createServer } from "node:net";
import { isCertainlyFree } from "./port.ts";
import { holderOfPort } from "./proc.ts";

for (const hostname of ["127.0.0.1", "127.0.0.5", "0.0.0.0", "::1", "::"]) {
  test(`a port on ${hostname} is taken while somebody listens, and free at once after that`, async () => {
    const server = Bun.serve({ hostname, port: 0, fetch: () => new Response("here") });
    const port = server.port ?? 0;
    expect(isCertainlyFree(port)).toBe(false);
    expect(holderOfPort(port)?.pid).toBe(process.pid);
    // A connection that the server closes leaves the port in TIME_WAIT.
    const host = hostname.includes(":") ? "[::1]" : hostname;
    await (await fetch(`http://${host}:${port}/`)).text();
    await server.stop(true);
    expect(isCertainlyFree(port)).toBe(true);
    expect(holderOfPort(port)).toBeUndefined();
  });
}

test("to ask takes nothing: the port can be had right after it", async () => {
  const probe = Bun.serve({ port: 0, fetch: () => new Response() });
  const port = probe.port ?? 0;
  await probe.stop(true);
  expect(isCertainlyFree(port)).toBe(true);
  const server = createServer().listen({ port, host: "127.0.0.1", exclusive: true });
  await new Promise((resolve) => server.once("listening", resolve));
  expect(isCertainlyFree(port)).toBe(false);
  server.close();
});
