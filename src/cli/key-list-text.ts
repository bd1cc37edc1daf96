/** API keys as `luna keys list` shows them. */
import { AGENT_KEY_NAME } from "../contract/agent-key.ts";
import type { ApiKeyList, ApiKeyView } from "../contract/api-keys.ts";
import { table } from "./table.ts";

/** As a person far from the server reads it as well: "2031-01-31 12:00 UTC". */
function moment(time: string | null, otherwise: string): string {
  return time === null
    ? otherwise
    : `${time.slice(0, "2031-01-31T12:00".length).replace("T", " ")} UTC`;
}

function names(list: ApiKeyView["scopes"]["agents"]): string {
  return list === "all" ? "all" : list.join(",") || "none";
}

function opens({ scopes }: ApiKeyView): string {
  // A key of servers that are deleted.
  if (scopes.agents.length === 0 && scopes.mcp_servers.length === 0) return "nothing any more";
  const parts = [
    ...(scopes.agents.length > 0 ? [`agents: ${names(scopes.agents)}`] : []),
    ...(scopes.mcp_servers.length > 0 ? [`mcp: ${names(scopes.mcp_servers)}`] : []),
    ...(scopes.tools === "all" ? [] : [`tools: ${names(scopes.tools)}`]),
    ...(scopes.read_only ? ["read-only"] : []),
  ];
  return parts.join("; ");
}

function expiry(key: ApiKeyView): string {
  return key.is_expired ? "expired" : moment(key.expires_at, "never");
}

export function keyListText({ keys, agent_key }: ApiKeyList): string {
  const rows = keys.map((key) => [
    key.name,
    `…${key.key_hint}`,
    opens(key),
    moment(key.last_used_at, "never"),
    expiry(key),
    key.id,
  ]);
  const own =
    agent_key === null
      ? []
      : [
          [
            AGENT_KEY_NAME,
            `…${agent_key.key_hint}`,
            "agents: all",
            moment(agent_key.last_used_at, "never"),
            "never",
            "",
          ],
        ];
  return table([["NAME", "KEY", "OPENS", "LAST USED", "EXPIRES", "ID"], ...own, ...rows]);
}
