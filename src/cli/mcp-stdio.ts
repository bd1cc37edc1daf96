/** The command `luna mcp stdio --hub <name>`: a named MCP server on stdin and stdout, for clients that start commands. */
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { StdioServerTransport } from "@modelcontextprotocol/sdk/server/stdio.js";
import { readCredentials } from "../config/credentials.ts";
import { EnvFile } from "../config/env-file.ts";
import { type Environment, selfCommand } from "../config/environment.ts";
import { MasterConfigStore } from "../config/master-config.ts";
import { type Paths, pathsOf } from "../config/paths.ts";
import { portsWith } from "../config/ports.ts";
import { runningOffset } from "../config/running.ts";
import { InvalidInputError } from "../lib/errors.ts";
import { readArguments } from "./arguments.ts";
import { Bridge } from "./mcp-bridge.ts";
import { lunaFetch } from "./mcp-fetch.ts";
import { MCP_USAGE } from "./usage.ts";

/** How long requests under way may go on after the client closed stdin: a tool's usual limit. */
const DRAIN_MS = 30_000;

function hubIn(args: string[]): string | undefined {
  return readArguments(args, { usage: MCP_USAGE.stdio, options: { hub: { type: "string" } } })
    .values.hub;
}

async function requireHub(args: string[], paths: Paths): Promise<string> {
  const hub = hubIn(args);
  if (hub) return hub;
  const { mcp_servers } = await new MasterConfigStore(paths.masterConfig).read();
  const names = Object.keys(mcp_servers).join(", ") || "none yet, create one in the Hub";
  throw new InvalidInputError(
    `Cannot choose an MCP server: use "${MCP_USAGE.stdio}"; there are: ${names}`,
  );
}

/** Settles when the client has closed stdin, or does not read stdout any more ("gone"). */
function clientEnd(local: StdioServerTransport): Promise<"closed" | "gone"> {
  const end = Promise.withResolvers<"closed" | "gone">();
  process.stdin.once("end", () => end.resolve("closed"));
  process.stdin.once("close", () => end.resolve("closed"));
  process.stdout.once("error", () => end.resolve("gone"));
  // A message beyond the SDK's bound ends its reading for good.
  local.onclose = () => end.resolve("gone");
  return end.promise;
}

/** Lets requests under way finish; the timer must not keep the process once they have. */
async function drain(bridge: Bridge): Promise<void> {
  const late = Promise.withResolvers<void>();
  const timer = setTimeout(late.resolve, DRAIN_MS);
  await Promise.race([bridge.idle(), late.promise]);
  clearTimeout(timer);
}

/**
 * Runs until the client closes stdin. Stdout carries the protocol alone; Luna may start, stop and
 * restart meanwhile: a request that finds it stopped is answered with an error that says so.
 */
export async function mcpStdio(environment: Environment, args: string[]): Promise<number> {
  const paths = pathsOf(environment.home);
  const hub = await requireHub(args, paths);
  const env = new EnvFile(paths.env);
  const url = `http://127.0.0.1:${portsWith(runningOffset(environment)).mcp}/api/mcp-${encodeURIComponent(hub)}/mcp`;
  const local = new StdioServerTransport(process.stdin, process.stdout);
  const bridge = new Bridge({
    local,
    remote: new StreamableHTTPClientTransport(new URL(url), {
      fetch: lunaFetch({
        token: async () => (await readCredentials(env)).mcpToken,
        startCommand: [...selfCommand(), "up"].join(" "),
      }),
    }),
    report: (text) => process.stderr.write(`${text}\n`),
  });
  const end = clientEnd(local);
  await bridge.start();
  if ((await end) === "closed") await drain(bridge);
  await bridge.stop();
  return 0;
}
