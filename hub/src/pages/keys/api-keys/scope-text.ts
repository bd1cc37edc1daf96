/** What a key opens, and until when, in a line. */
import type { ApiKeyView, KeyScopes } from "../../../../../src/contract/api-keys.ts";
import { momentText } from "../../../lib/time.ts";

function some(list: KeyScopes["agents"], one: string, many: string): string[] {
  if (list === "all") return [`all ${many}`];
  if (list.length === 0) return [];
  return [`${list.length === 1 ? one : many} ${list.join(", ")}`];
}

/** "All agents, MCP servers home, work; tools NOTES_*; reads only" */
export function scopeText({ agents, mcp_servers, tools, read_only }: KeyScopes): string {
  const doors = [
    ...some(agents, "agent", "agents"),
    ...some(mcp_servers, "MCP server", "MCP servers"),
  ].join(", ");
  // A key of servers that are deleted.
  if (doors === "") return "Nothing any more";
  const toolList =
    tools === "all" ? [] : tools.length === 0 ? ["no tools"] : some(tools, "tool", "tools");
  const text = [doors, ...toolList, ...(read_only ? ["reads only"] : [])].join("; ");
  return text.charAt(0).toUpperCase() + text.slice(1);
}

function moment(time: string, now: number): string {
  return momentText(Date.parse(time), now);
}

type Life = Pick<ApiKeyView, "last_used_at" | "previous_expires_at"> &
  Partial<Pick<ApiKeyView, "expires_at" | "is_expired">>;

/** "Last used 14:02. Expires 21 Nov, 14:02." */
export function lifeText(key: Life, now: number): string {
  const { last_used_at, expires_at = null, is_expired = false, previous_expires_at } = key;
  return [
    last_used_at === null ? "Never used." : `Last used ${moment(last_used_at, now)}.`,
    ...(expires_at === null
      ? []
      : [`${is_expired ? "Expired" : "Expires"} ${moment(expires_at, now)}.`]),
    ...(previous_expires_at === null
      ? []
      : [`The key before works until ${moment(previous_expires_at, now)}.`]),
  ].join(" ");
}
