/** What a person chose for a new key, and the request that it makes. */
import type { CreateApiKey, KeyScopes } from "../../../../../src/contract/api-keys.ts";

const DAY_MS = 86_400_000;

export const LIFETIMES = [
  { id: "never", label: "Never", days: null },
  { id: "30", label: "In 30 days", days: 30 },
  { id: "90", label: "In 90 days", days: 90 },
  { id: "365", label: "In a year", days: 365 },
] as const;
type Lifetime = (typeof LIFETIMES)[number]["id"];

export interface KeyDraft {
  name: string;
  agents: KeyScopes["agents"];
  mcp_servers: KeyScopes["mcp_servers"];
  /** Whether only the tools that `patterns` names. */
  isNarrow: boolean;
  /** As typed. */
  patterns: string;
  read_only: boolean;
  lifetime: Lifetime;
}

export const NEW_DRAFT: KeyDraft = {
  ...{ name: "", agents: [], mcp_servers: [], isNarrow: false, patterns: "", read_only: false },
  lifetime: "never",
};

/** Names and patterns with commas, blanks or line ends between them. */
export function patternsIn(text: string): string[] {
  return text.split(/[\s,]+/).filter((pattern) => pattern !== "");
}

/** What is missing, in words; undefined when there is a request to be made. */
export function faultOf({ agents, mcp_servers, isNarrow, patterns }: KeyDraft): string | undefined {
  if (agents.length === 0 && mcp_servers.length === 0) {
    return "Choose at least one agent or MCP server that the key opens.";
  }
  if (isNarrow && patternsIn(patterns).length === 0) {
    return "Name at least one tool, or allow all tools.";
  }
  return undefined;
}

export function requestOf(draft: KeyDraft, now: number): CreateApiKey {
  const { agents, mcp_servers, isNarrow, read_only } = draft;
  const days = LIFETIMES.find(({ id }) => id === draft.lifetime)?.days ?? null;
  return {
    name: draft.name.trim(),
    scopes: {
      ...{ agents, mcp_servers, read_only },
      tools: isNarrow ? patternsIn(draft.patterns) : "all",
    },
    expires_at: days === null ? null : new Date(now + days * DAY_MS).toISOString(),
    rate_limit: null,
  };
}
