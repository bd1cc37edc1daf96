/** A proxy on loopback that adds a key to each request and changes nothing else, for clients that cannot bring one. */
import { type ClientRequest, createServer, request as forward } from "node:http";
import type { AddressInfo } from "node:net";

export interface BearerShim {
  /** What stands for `target`. */
  url: string;
  /** Requests that passed. */
  count(): number;
  stop(): Promise<void>;
}

/** @param target the address whose host and port requests go to, with `key` */
export async function startBearerShim(target: string, key: string): Promise<BearerShim> {
  const { hostname, port, pathname } = new URL(target);
  const open = new Set<ClientRequest>();
  let passed = 0;
  const server = createServer((incoming, outgoing) => {
    passed += 1;
    const own = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    const at = `${hostname}:${port}`;
    // The shim stands for Luna: its own name becomes Luna's, every other name stays what it is.
    const named = (value: string | undefined) =>
      value?.replace(own, at).replace(/localhost:\d+/, at);
    const { host, origin } = incoming.headers;
    const headers = {
      ...incoming.headers,
      host: named(host) ?? at,
      ...(origin === undefined ? {} : { origin: named(origin) }),
      authorization: `Bearer ${key}`,
    };
    const onward = forward(
      { hostname, port, path: incoming.url ?? pathname, method: incoming.method ?? "GET", headers },
      (answer) => {
        outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(outgoing);
      },
    );
    open.add(onward);
    onward.on("close", () => open.delete(onward));
    onward.on("error", () => outgoing.destroy());
    // Who hangs up hangs up on Luna.
    outgoing.on("close", () => onward.destroy());
    incoming.pipe(onward);
  });
  const listening = Promise.withResolvers<void>();
  server.listen(0, "127.0.0.1", listening.resolve);
  await listening.promise;
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}${pathname}`,
    count: () => passed,
    stop: async () => {
      for (const onward of open) onward.destroy();
      const closed = Promise.withResolvers<void>();
      server.close(() => closed.resolve());
      server.closeAllConnections();
      await closed.promise;
    },
  };
}
