/** The one way a Luna process listens: on loopback or a unix socket, without Bun's cut of quiet connections. */
import type { Server, WebSocketHandler } from "bun";

type Fetch<Data> = (request: Request, server: Server<Data>) => Response | Promise<Response>;
/** Bodies beyond this are refused with 413 before any of our code runs, where nothing else is said. */
const REQUEST_BYTES_MAX = 32 * 1024 * 1024;

interface ServeOptions<Data> {
  fetch: Fetch<Data>;
  listen: { port: number } | { unix: string };
  bodyBytesMax?: number;
  websocket?: WebSocketHandler<Data>;
}

/** Starts listening; throws `EADDRINUSE` when the port or socket is taken. */
export function serve<Data = undefined>(options: ServeOptions<Data>): Server<Data> {
  const common = {
    fetch: options.fetch,
    // Streams may be quiet for minutes; each of our own waits has its own bound.
    idleTimeout: 0,
    maxRequestBodySize: options.bodyBytesMax ?? REQUEST_BYTES_MAX,
    development: false,
    // Outside development Bun would set SO_REUSEPORT, and two processes would share a port in silence.
    reusePort: false,
    ...(options.websocket === undefined ? {} : { websocket: options.websocket }),
  };
  const where =
    "unix" in options.listen
      ? { unix: options.listen.unix }
      : { hostname: "127.0.0.1", port: options.listen.port };
  return Bun.serve({ ...common, ...where } as Bun.Serve.Options<Data>);
}
