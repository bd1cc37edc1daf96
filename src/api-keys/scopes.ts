/** What the scopes of a key allow; pure, and asked the same way by the agent API and by MCP. */
import { type IdentifiedServer, identityOf } from "../config/server-identity.ts";
import type { KeyScopes } from "../contract/api-keys.ts";
import type { ToolDescription } from "../contract/tool.ts";
import { ForbiddenError } from "../lib/errors.ts";

/** Of this machine's owner. */
export const ALL_SCOPES: KeyScopes = {
  agents: "all",
  mcp_servers: "all",
  tools: "all",
  read_only: false,
};

/** Of `AGENT_API_KEY`: all of the agent API, and nothing of MCP. */
export const AGENT_KEY_SCOPES: KeyScopes = { ...ALL_SCOPES, mcp_servers: [] };

type ToolFacts = Pick<ToolDescription, "name" | "annotations">;

function isIn(list: KeyScopes["agents"], name: string): boolean {
  return list === "all" || list.includes(name);
}

export function allowsAgent(scopes: KeyScopes, name: string): boolean {
  return isIn(scopes.agents, name);
}

/** @param server undefined for one that is not there */
export function allowsMcpServer(
  { mcp_servers }: KeyScopes,
  server: IdentifiedServer | undefined,
): boolean {
  if (server === undefined) return mcp_servers === "all";
  return isIn(mcp_servers, identityOf(server));
}

const globs = new WeakMap<readonly string[], readonly Bun.Glob[]>();

/** Made once for each list: a catalogue has many tools. */
function globsOf(patterns: readonly string[]): readonly Bun.Glob[] {
  const known = globs.get(patterns);
  if (known !== undefined) return known;
  const made = patterns.map((pattern) => new Bun.Glob(pattern));
  globs.set(patterns, made);
  return made;
}

/** Whether a tool of this name is within the scopes, whatever it does. */
export function allowsToolName({ tools }: KeyScopes, name: string): boolean {
  return tools === "all" || globsOf(tools).some((glob) => glob.match(name));
}

/** A tool is read-only when it says so itself; a name that sounds like it proves nothing. */
export function allowsTool(scopes: KeyScopes, { name, annotations }: ToolFacts): boolean {
  if (scopes.read_only && annotations?.readOnlyHint !== true) return false;
  return allowsToolName(scopes, name);
}

/** Whether every tool is allowed, so that nothing has to be looked at. */
export function allowsEveryTool({ tools, read_only }: KeyScopes): boolean {
  return tools === "all" && !read_only;
}

/**
 * The key is good, and not for this (RFC 6750, 3.1).
 * @param missing what would have to be in the key's scopes, in words
 */
export function insufficientScope(what: string, missing: string): ForbiddenError {
  return new ForbiddenError(
    `Cannot ${what}: the key is not for that, its scope needs ${missing}; the owner can make one that is, in the Hub under Keys & secrets`,
    {
      code: "insufficient_scope",
      headers: { "WWW-Authenticate": 'Bearer error="insufficient_scope"' },
    },
  );
}
