/** The secrets that Luna makes for itself: generated once, before anything starts, and kept in `.env`. */
import { API_KEY_PREFIX } from "../contract/agent-key.ts";
import { UnavailableError } from "../lib/errors.ts";
import { deriveSecret, generateSecret } from "../lib/secret.ts";
import type { EnvFile } from "./env-file.ts";

/** What one process must know to be believed by another. */
export interface Credentials {
  /** Opens the supervisor's control API. */
  supervisorToken: string;
  /** Opens the agent API: the only one that people hand on, so it may change while Luna runs. */
  agentKey: string;
  /** Caddy's word towards the agent API that a session was checked. */
  edgeToken: string;
  /** Opens auth's internal endpoints, for Caddy and the command line. */
  authToken: string;
  /** Opens every MCP server, for the stdio bridge of this machine's owner. */
  mcpToken: string;
  /** What the agent API and MCP need of the supervisor: to start and stop tool hosts, and to tell which keys were used. */
  toolHostToken: string;
  /** Opens auth's question what an access token opens, for MCP. */
  tokenCheck: string;
}

const GENERATED = {
  LUNA_SECRET: () => generateSecret(),
  SUPERVISOR_API_TOKEN: () => generateSecret(),
  AGENT_API_KEY: () => generateSecret(API_KEY_PREFIX),
};

export function credentialsFrom(values: Readonly<Record<string, string>>): Credentials | undefined {
  const { LUNA_SECRET, SUPERVISOR_API_TOKEN, AGENT_API_KEY } = values;
  if (!LUNA_SECRET || !SUPERVISOR_API_TOKEN || !AGENT_API_KEY) return undefined;
  return {
    supervisorToken: SUPERVISOR_API_TOKEN,
    agentKey: AGENT_API_KEY,
    edgeToken: deriveSecret(LUNA_SECRET, "edge"),
    authToken: deriveSecret(LUNA_SECRET, "auth"),
    mcpToken: deriveSecret(LUNA_SECRET, "mcp"),
    toolHostToken: deriveSecret(LUNA_SECRET, "tool-host"),
    tokenCheck: deriveSecret(LUNA_SECRET, "token-check"),
  };
}

/** Reads the credentials, and makes those that are missing. */
export async function ensureCredentials(file: EnvFile): Promise<Credentials> {
  const values = await file.read();
  const missing: Record<string, string> = {};
  for (const [name, generate] of Object.entries(GENERATED)) {
    if (!values[name]) missing[name] = generate();
  }
  if (Object.keys(missing).length > 0) await file.set(missing);
  return requireCredentials({ ...values, ...missing }, file.path);
}

/** What the tokens of an extension's MCP servers are encrypted with: for its tool host, and the command line. */
export async function upstreamKey(file: EnvFile, extension: string): Promise<string> {
  const values = await file.read();
  requireCredentials(values, file.path);
  return deriveSecret(values["LUNA_SECRET"] ?? "", `upstream tokens of ${extension}`);
}

/** The credentials of a home that has run before, for the command line. */
export async function readCredentials(file: EnvFile): Promise<Credentials> {
  return requireCredentials(await file.read(), file.path);
}

function requireCredentials(values: Record<string, string>, path: string): Credentials {
  const credentials = credentialsFrom(values);
  if (credentials === undefined) {
    throw new UnavailableError(
      `Cannot find Luna's own keys in "${path}": start Luna once with "luna up", or set LUNA_HOME to its home`,
    );
  }
  return credentials;
}
