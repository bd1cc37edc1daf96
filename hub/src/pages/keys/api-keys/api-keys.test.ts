/** What the page says of keys, and what it asks for. */
import { expect, test } from "bun:test";
import { CreateApiKey, type KeyScopes } from "../../../../../src/contract/api-keys.ts";
import { faultOf, type KeyDraft, NEW_DRAFT, patternsIn, requestOf } from "./key-draft.ts";
import { lifeText, scopeText } from "./scope-text.ts";

const ALL: KeyScopes = { agents: "all", mcp_servers: "all", tools: "all", read_only: false };

test.each<[Partial<KeyScopes>, string]>([
  [{}, "All agents, all MCP servers"],
  [{ mcp_servers: [] }, "All agents"],
  [{ agents: [], mcp_servers: [] }, "Nothing any more"],
  [{ agents: ["a"], mcp_servers: ["home", "work"] }, "Agent a, MCP servers home, work"],
  [{ agents: [], tools: ["NOTES_*"] }, "All MCP servers; tool NOTES_*"],
  [{ tools: ["A", "B"], read_only: true }, "All agents, all MCP servers; tools A, B; reads only"],
  [{ tools: [] }, "All agents, all MCP servers; no tools"],
])("%p is told as %p", (scopes, text) => {
  expect(scopeText({ ...ALL, ...scopes })).toBe(text);
});

test("a key's life is told in sentences", () => {
  const now = new Date(2031, 0, 31, 12, 0).getTime();
  const at = (hours: number): string => new Date(now + hours * 3_600_000).toISOString();
  const unused = { last_used_at: null, previous_expires_at: null };
  expect(lifeText({ ...unused, expires_at: null, is_expired: false }, now)).toBe("Never used.");
  expect(
    lifeText(
      { last_used_at: at(-1), previous_expires_at: at(2), expires_at: at(3), is_expired: false },
      now,
    ),
  ).toBe("Last used 11:00. Expires 15:00. The key before works until 14:00.");
  expect(lifeText({ ...unused, expires_at: at(-2), is_expired: true }, now)).toBe(
    "Never used. Expired 10:00.",
  );
});

test("a draft makes a request that the server takes, or says what is missing", () => {
  const now = Date.parse("2031-01-31T12:00:00.000Z");
  expect(faultOf(NEW_DRAFT)).toContain("at least one agent or MCP server");
  const draft: KeyDraft = { ...NEW_DRAFT, name: " CI ", agents: "all", lifetime: "30" };
  expect(faultOf(draft)).toBe(undefined);
  expect(requestOf(draft, now)).toEqual({
    name: "CI",
    scopes: { agents: "all", mcp_servers: [], tools: "all", read_only: false },
    expires_at: "2031-03-02T12:00:00.000Z",
    rate_limit: null,
  });
  const narrow = { ...draft, isNarrow: true, patterns: " NOTES_*,\nBANK_GET_all " };
  expect(faultOf({ ...narrow, patterns: " , " })).toContain("at least one tool");
  const request = requestOf(narrow, now);
  expect(request.scopes.tools).toEqual(["NOTES_*", "BANK_GET_all"]);
  expect(CreateApiKey.parse(request)).toEqual(request);
  expect(patternsIn("a, b\tc\n\nd")).toEqual(["a", "b", "c", "d"]);
});
