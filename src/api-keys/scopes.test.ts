/** What scopes allow, case by case. */
import { describe, expect, test } from "bun:test";
import type { KeyScopes } from "../contract/api-keys.ts";
import {
  AGENT_KEY_SCOPES,
  ALL_SCOPES,
  allowsAgent,
  allowsEveryTool,
  allowsMcpServer,
  allowsTool,
} from "./scopes.ts";

const NONE: KeyScopes = { agents: [], mcp_servers: [], tools: [], read_only: false };

test.each<[Partial<KeyScopes>, string, boolean, boolean]>([
  [{}, "home", false, false],
  [{ agents: "all" }, "home", true, false],
  [{ mcp_servers: "all" }, "home", false, true],
  [{ agents: ["home"], mcp_servers: ["homes", "hom"] }, "home", true, false],
  // Patterns are for tools alone.
  [{ agents: ["hom*"], mcp_servers: ["*"] }, "home", false, false],
  [{ agents: ["HOME"] }, "home", false, false],
  [{ tools: "all" }, "home", false, false],
])("%p, of %s: agent %p, MCP server %p", (scopes, name, agent, mcpServer) => {
  expect(allowsAgent({ ...NONE, ...scopes }, name)).toBe(agent);
  expect(allowsMcpServer({ ...NONE, ...scopes }, { name })).toBe(mcpServer);
});

test("a server is known by what stays when its name changes; all is also what is not there", () => {
  const scopes = { ...NONE, mcp_servers: ["id-of-home"] };
  expect(allowsMcpServer(scopes, { id: "id-of-home", name: "work" })).toBe(true);
  expect(allowsMcpServer(scopes, { id: "another", name: "id-of-home" })).toBe(false);
  expect(allowsMcpServer(scopes, undefined)).toBe(false);
  expect(allowsMcpServer({ ...NONE, mcp_servers: "all" }, undefined)).toBe(true);
});

describe("tools", () => {
  test.each<[KeyScopes["tools"], string, boolean]>([
    ["all", "NOTES_GET_all", true],
    [[], "NOTES_GET_all", false],
    [["NOTES_GET_all"], "NOTES_GET_all", true],
    [["NOTES_GET_al"], "NOTES_GET_all", false],
    [["notes_get_all"], "NOTES_GET_all", false],
    [["NOTES_*"], "NOTES_GET_all", true],
    [["NOTES_*"], "NOTES_", true],
    [["NOTES_*"], "MY_NOTES_GET", false],
    [["*_GET_*"], "NOTES_GET_all", true],
    [["*_GET_*"], "NOTES_UPDATE_GET", false],
    [["*"], "anything", true],
    [["**"], "anything", true],
    [["A", "B*", "C"], "BCD", true],
    [["*a*a*a*a*a*a*a*a*a*a*b"], "a".repeat(64), false],
  ])("%p, of %s: %p", (tools, name, allowed) => {
    const began = performance.now();
    expect(allowsTool({ ...NONE, tools }, { name })).toBe(allowed);
    expect(performance.now() - began).toBeLessThan(50);
  });

  test.each([
    [{ readOnlyHint: true }, true],
    [{ readOnlyHint: true, destructiveHint: true }, true],
    [{ readOnlyHint: false }, false],
    [{ idempotentHint: true, destructiveHint: false }, false],
    [{}, false],
    [undefined, false],
  ])("a tool with the annotations %p is read-only: %p", (annotations, allowed) => {
    const scopes: KeyScopes = { ...ALL_SCOPES, read_only: true };
    const tool = { name: "NOTES_GET_all", ...(annotations === undefined ? {} : { annotations }) };
    expect(allowsTool(scopes, tool)).toBe(allowed);
    expect(allowsTool({ ...scopes, tools: ["BANK_*"] }, tool)).toBe(false);
  });

  test("only without any limit is every tool allowed", () => {
    expect(allowsEveryTool(ALL_SCOPES)).toBe(true);
    expect(allowsEveryTool(AGENT_KEY_SCOPES)).toBe(true);
    expect(allowsEveryTool({ ...ALL_SCOPES, read_only: true })).toBe(false);
    expect(allowsEveryTool({ ...ALL_SCOPES, tools: ["*"] })).toBe(false);
  });
});
