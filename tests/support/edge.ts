/** A real Caddy with the generated Caddyfile, in front of stand-ins for the core services that tell what reached them. */
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Server } from "bun";
import { z } from "zod";
import { type CaddyfileOptions, renderCaddyfile } from "../../src/caddy/caddyfile.ts";
import { caddyCommand, caddyEnvironment, writeCaddyfile } from "../../src/caddy/edge.ts";
import type { UpstreamName } from "../../src/caddy/routes.ts";
import { type Paths, pathsOf } from "../../src/config/paths.ts";
import { portsWith } from "../../src/config/ports.ts";
import { ErrorBody } from "../../src/contract/error.ts";
import { type AuthHarness, startAuth } from "./auth-harness.ts";
import { send, type WireAnswer } from "./raw-http.ts";
import { until } from "./until.ts";

export const CREDENTIALS = {
  supervisorToken: "canary-supervisor-token",
  agentKey: "sk-luna-canary-agent-key",
  edgeToken: "canary-edge-token",
  authToken: "canary-auth-token",
  mcpToken: "canary-mcp-token",
  toolHostToken: "canary-tool-host-token",
  tokenCheck: "canary-token-check",
};
/** What a stand-in answers: who it is and what it saw. */
export interface Seen {
  upstream: string;
  method: string;
  path: string;
  headers: Record<string, string>;
}

/** What an extension may say about itself, and what only Luna may say. */
function ownHeaders(): Response {
  const headers = new Headers({
    "Clear-Site-Data": '"cookies"',
    "Service-Worker-Allowed": "/",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Opener-Policy-Report-Only": "same-origin",
    NEL: '{"report_to":"x","max_age":60}',
    "Report-To": '{"group":"x","max_age":60,"endpoints":[]}',
    "Alt-Svc": 'h2=":1"',
    "Access-Control-Allow-Origin": "https://elsewhere.example",
    "Access-Control-Allow-Credentials": "true",
    "X-Own": "kept",
  });
  for (const cookie of [
    "luna_session=planted; Path=/",
    "theme=dark; Path=/ext/notes/",
    " __Host-luna_session =planted; Path=/; Secure",
    "my_luna_session=1",
  ]) {
    headers.append("Set-Cookie", cookie);
  }
  return new Response("", { headers });
}

/** Counts what is under way, so that a test sees a cancelled request end. */
interface Streams {
  open: number;
}

/** One event at once, then silence until the client goes away. */
function quietStream(request: Request, streams: Streams): Response {
  streams.open += 1;
  request.signal.addEventListener("abort", () => {
    streams.open -= 1;
  });
  const body = new ReadableStream({
    start: (controller) => controller.enqueue(new TextEncoder().encode("data: first\n\n")),
  });
  return new Response(body, { headers: { "Content-Type": "text/event-stream" } });
}

export interface Upstream {
  server: Server<undefined>;
  requests: Seen[];
  streams: Streams;
}

/** What an upstream answers by itself; for the rest, undefined, it is a stand-in. */
type Answer = (request: Request) => Response | Promise<Response> | undefined;

/** @param answer before a stand-in's own answers */
export function startUpstream(name: string, port = 0, answer?: Answer): Upstream {
  const requests: Seen[] = [];
  const streams: Streams = { open: 0 };
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port,
    idleTimeout: 0,
    maxRequestBodySize: 80 * 1024 * 1024,
    async fetch(request, running) {
      const url = new URL(request.url);
      const seen: Seen = {
        upstream: name,
        method: request.method,
        path: url.pathname + url.search,
        headers: Object.fromEntries(request.headers),
      };
      requests.push(seen);
      const own = await answer?.(request);
      if (own !== undefined) return own;
      if (request.headers.get("Upgrade") === "websocket" && running.upgrade(request)) {
        return new Response();
      }
      if (url.pathname.endsWith("/stream")) return quietStream(request, streams);
      if (url.pathname.endsWith("/gone")) return new Response("", { status: 500 });
      if (url.pathname.endsWith("/own-policy")) {
        return new Response("", { headers: { "Content-Security-Policy": "sandbox" } });
      }
      if (url.pathname.endsWith("/own-headers")) return ownHeaders();
      const size = (await request.arrayBuffer()).byteLength;
      return Response.json({ ...seen, size });
    },
    websocket: { message: (socket, message) => void socket.send(message) },
  });
  return { server, requests, streams };
}

export function freePort(): number {
  const probe = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
  const { port } = probe;
  probe.stop(true);
  return port;
}

export interface Edge {
  paths: Paths;
  port: number;
  url: string;
  upstreams: Record<UpstreamName, Upstream>;
  /** The Caddy program, and the environment that it inherits. */
  program: string;
  base: Record<string, string>;
  options: CaddyfileOptions;
  /** Auth, as Caddy asks it. */
  auth: AuthHarness;
  /** For an auth that comes back. */
  answerOfAuth: Answer;
  /** The Cookie header of a browser that is signed in, and its page token. */
  session: string;
  page: string;
  log(): Promise<string>;
  stop(): Promise<void>;
}

interface EdgeSetup {
  deployment?: Pick<CaddyfileOptions, "mode" | "publicDomain" | "cloudflareTunnel">;
  /** Changes the Caddyfile's text, for what a test machine cannot have (public certificates). */
  edit?: (text: string) => string;
  /** In place of auth. */
  auth?: Answer;
  /** Keys of exposed services, as the configuration has them at each request. */
  service_api_keys?: Record<string, unknown>;
}

function caddyProgram(): string {
  const program = Bun.which("caddy");
  if (program === null) throw new Error("These tests need the caddy program on PATH");
  return program;
}

/** Auth as it is, for what Caddy asks it; what the public reaches of it is a stand-in that tells what it saw. */
async function startEdgeAuth(paths: Paths, service_api_keys: Record<string, unknown>) {
  const settings = { dialect: "sqlite" as const, path: join(paths.luna, "luna.db") };
  const auth = await startAuth(settings, {
    time: { now: Date.now() },
    token: CREDENTIALS.authToken,
    routes: paths.routes,
    serviceRoutes: paths.serviceRoutes,
    service_api_keys,
  });
  const session = await auth.signIn();
  const answerOfAuth: Answer = (request) =>
    /^\/(verify|route)$/.test(new URL(request.url).pathname) ? auth.app.fetch(request) : undefined;
  return { auth, session, page: await auth.pageOf(session), answerOfAuth };
}

/** Starts stand-ins and Caddy, and answers once Caddy does. */
export async function startEdge(setup: EdgeSetup = {}): Promise<Edge> {
  const { deployment = { mode: "local", publicDomain: "" }, edit = (text) => text } = setup;
  const paths = pathsOf(await mkdtemp(join(tmpdir(), "luna-edge-")));
  await mkdir(paths.luna, { recursive: true });
  const program = caddyProgram();
  const base = { PATH: Bun.env["PATH"] ?? "", LANG: "C.UTF-8" };
  const own = await startEdgeAuth(paths, setup.service_api_keys ?? {});
  const upstreams = {
    auth: startUpstream("auth", 0, setup.auth ?? own.answerOfAuth),
    agent: startUpstream("agent"),
    mcp: startUpstream("mcp"),
    hub: startUpstream("hub"),
    supervisor: startUpstream("supervisor"),
  };
  const port = freePort();
  const ports = { ...portsWith(0), caddy: port };
  for (const [name, { server }] of Object.entries(upstreams)) {
    ports[name as UpstreamName] = server.port ?? 0;
  }
  const options: CaddyfileOptions = {
    ...deployment,
    ports,
    adminSocket: paths.caddySocket,
    dataDir: paths.caddyData,
  };
  await writeCaddyfile(edit(renderCaddyfile(options)), { paths, program, base });
  const logFile = join(paths.home, "caddy.log");
  const caddy = Bun.spawn(caddyCommand(paths, program), {
    env: caddyEnvironment({ base, paths, credentials: CREDENTIALS }),
    stdin: "ignore",
    stdout: "ignore",
    stderr: Bun.file(logFile),
  });
  const url = `http://127.0.0.1:${port}`;
  const log = () => Bun.file(logFile).text();
  const stop = async () => {
    caddy.kill("SIGTERM");
    await caddy.exited;
    for (const { server } of Object.values(upstreams)) await server.stop(true);
    await own.auth.close();
    await rm(paths.home, { recursive: true, force: true });
  };
  try {
    await until(async () => (await fetch(`${url}/healthz`)).ok, { what: "Caddy's first answer" });
  } catch (error) {
    const told = await log();
    await stop();
    throw new Error(`Caddy did not start: ${told}`, { cause: error });
  }
  return { paths, port, url, upstreams, program, base, options, ...own, log, stop };
}

/** `send` with headers as lines. */
export function rawRequest(
  where: number | string,
  request: { target: string; headers?: readonly string[]; method?: string },
): Promise<WireAnswer> {
  const { headers = [], ...rest } = request;
  const pairs = headers.map((line) => {
    const colon = line.indexOf(":");
    return [line.slice(0, colon), line.slice(colon + 1).trim()] as const;
  });
  return send(where, { ...rest, headers: pairs });
}

/** What a stand-in tells of a request that reached it. */
const Answered = z.object({
  upstream: z.string(),
  path: z.string(),
  method: z.string(),
  headers: z.record(z.string(), z.string()),
  size: z.number(),
});

/** What reached the upstream of a request that passed. */
export async function seen(response: Response): Promise<z.infer<typeof Answered>> {
  if (response.status !== 200) throw new Error(`${response.status}: ${await response.text()}`);
  return Answered.parse(await response.json());
}

/** The same of a raw one. */
export function seenRaw({ body }: WireAnswer): z.infer<typeof Answered> {
  return Answered.parse(JSON.parse(body));
}

/** Status and code of a request that was refused in Luna's JSON. */
export async function refusal(response: Response): Promise<{ status: number; code: string }> {
  const { error } = ErrorBody.parse(await response.json());
  return { status: response.status, code: error.code };
}

/** Bun's WebSocket takes headers; the browser's type, which is also loaded, does not say so. */
export const SocketWithHeaders: new (
  url: string,
  options: { headers: Record<string, string> },
) => WebSocket = WebSocket as never;
