/** A running Luna with one small tool or a thousand, the example it is compared with, and the calls to each. */
import { resolve } from "node:path";
import { MasterConfigStore } from "../../../src/config/master-config.ts";
import { McpServerKey } from "../../../src/contract/mcp-servers.ts";
import { type Luna, startLuna } from "../../support/start-luna.ts";
import { pidsOf } from "../memory.ts";
import { MODERN_PATH, SESSION_PATH } from "./example.ts";
import { type Call, ID } from "./load.ts";

const TOOL = "greet";
const ARGUMENTS = { name: "birch" };
const PROOF = "Hello, birch!";
const CLIENT = { name: "bench", version: "1.0.0" };
const MODERN = "2026-07-28";
const SESSION = "2025-11-25";
const START_TIMEOUT_MS = 10_000;

/** As many tools as the number says; the first is the one that is called. */
const toolsFile = (count: number): string => `
import { defineTool, z } from "luna";
const greet = (name) => defineTool({
  name, description: "Greets somebody", input: z.object({ name: z.string() }),
  run: ({ name }) => \`Hello, \${name}!\`,
});
export const TOOLS = [
  greet("${TOOL}"),
  ...Array.from({ length: ${count - 1} }, (_, n) => greet("greet_" + n)),
];`;

/** A server whose calls are measured. */
export interface Served {
  /** All processes that have a part in a call. */
  pids(): readonly number[];
  modern: Call;
  /** In a session of its own. */
  session: Call;
}

export interface LunaServed extends Served {
  luna: Luna;
  key: string;
  path: string;
  stop(): Promise<void>;
}

const call = (meta: object) => ({
  ...{ jsonrpc: "2.0", id: ID, method: "tools/call" },
  params: { name: TOOL, arguments: ARGUMENTS, ...meta },
});

function modernCall(port: number, path: string, headers: Record<string, string>): Call {
  const _meta = {
    "io.modelcontextprotocol/protocolVersion": MODERN,
    "io.modelcontextprotocol/clientInfo": CLIENT,
    "io.modelcontextprotocol/clientCapabilities": {},
  };
  return {
    ...{ port, path, proof: PROOF, body: JSON.stringify(call({ _meta })) },
    headers: {
      ...headers,
      "MCP-Protocol-Version": MODERN,
      "Mcp-Method": "tools/call",
      "Mcp-Name": TOOL,
    },
  };
}

type Where = Pick<Call, "port" | "path" | "headers">;

async function post({ port, path, headers }: Where, body: object): Promise<Response> {
  const answer = await fetch(`http://127.0.0.1:${port}${path}`, {
    method: "POST",
    headers: {
      Accept: "application/json, text/event-stream",
      "Content-Type": "application/json",
      ...headers,
    },
    body: JSON.stringify(body),
    keepalive: false,
  });
  if (!answer.ok) throw new Error(`${path} answered ${answer.status}: ${await answer.text()}`);
  await answer.arrayBuffer();
  return answer;
}

/** @returns the session's id */
export async function openSession(where: Where): Promise<string> {
  const params = { protocolVersion: SESSION, capabilities: {}, clientInfo: CLIENT };
  const beginning = { jsonrpc: "2.0", id: 0, method: "initialize", params };
  const id = (await post(where, beginning)).headers.get("Mcp-Session-Id");
  if (id === null) throw new Error(`${where.path} began no session`);
  const headers = { ...where.headers, "MCP-Protocol-Version": SESSION, "Mcp-Session-Id": id };
  await post({ ...where, headers }, { jsonrpc: "2.0", method: "notifications/initialized" });
  return id;
}

/** Drops it as a client does that says goodbye. */
export async function endSession({ port, path, headers }: Where, id: string): Promise<void> {
  await fetch(`http://127.0.0.1:${port}${path}`, {
    method: "DELETE",
    headers: { ...headers, "Mcp-Session-Id": id },
    keepalive: false,
  });
}

async function sessionCall(where: Where): Promise<Call> {
  const id = await openSession(where);
  const headers = { ...where.headers, "MCP-Protocol-Version": SESSION, "Mcp-Session-Id": id };
  return { ...where, headers, proof: PROOF, body: JSON.stringify(call({})) };
}

/** The calls to one server: both wires may have a path of their own. */
export async function callsAt({
  port,
  modern,
  session,
  headers,
}: {
  port: number;
  modern: string;
  session: string;
  headers: Record<string, string>;
}): Promise<Pick<Served, "modern" | "session">> {
  return {
    modern: modernCall(port, modern, headers),
    session: await sessionCall({ port, path: session, headers }),
  };
}

export async function startLunaWith(tools: number): Promise<LunaServed> {
  const luna = await startLuna({
    files: {
      "extensions/bench/config.json": "{}",
      "extensions/bench/tools/bench_tools.ts": toolsFile(tools),
    },
  });
  // What is measured is how fast Luna is, not how fast a client may be.
  await new MasterConfigStore(luna.paths.masterConfig).update((config) => {
    config.rate_limits = { api_key: null, agent_api_key: null, mcp_server_key: null };
  });
  const made = await luna.control("/mcp-servers/create", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ name: "bench" }),
  });
  const { server, api_key: key } = McpServerKey.parse(await made.json());
  const { pathname: path } = new URL(server.url);
  const headers = { Authorization: `Bearer ${key}` };
  const port = luna.ports.mcp;
  return {
    ...{ luna, key, path },
    pids: () => pidsOf(luna),
    ...(await callsAt({ port, modern: path, session: path, headers })),
    stop: async () => {
      await luna.stop();
      await luna.remove();
    },
  };
}

/** The example in a process of its own; it ends with this one, however that ends. */
export async function startExample(): Promise<Served & { stop(): Promise<void> }> {
  const child = Bun.spawn([process.execPath, resolve(import.meta.dir, "main.ts"), "example"], {
    stdin: "pipe",
    stdout: "pipe",
    stderr: "inherit",
  });
  const late = setTimeout(() => child.kill("SIGKILL"), START_TIMEOUT_MS);
  const { value } = await child.stdout.getReader().read();
  clearTimeout(late);
  if (value === undefined) throw new Error("The SDK's example did not start");
  const port = Number(new URL(new TextDecoder().decode(value).trim()).port);
  return {
    pids: () => [child.pid],
    ...(await callsAt({ port, modern: MODERN_PATH, session: SESSION_PATH, headers: {} })),
    stop: async () => {
      child.kill("SIGTERM");
      await child.exited;
    },
  };
}
