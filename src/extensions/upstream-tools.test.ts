/** By which names tools of other MCP servers are offered, and what a manifest may say of those servers. */
import { expect, test } from "bun:test";
import { Manifest } from "../contract/extension.ts";
import { ToolName } from "../contract/names.ts";
import { upstreamToolName } from "./upstream-tools.ts";

test.each([
  ["tracker", "find-issue", "TRACKER_find-issue"],
  ["my-home", "lights_on", "MY-HOME_lights_on"],
  ["a", "b.c", /^A_b_c_[0-9a-f]{8}$/],
  ["a", "b/c", /^A_b_c_[0-9a-f]{8}$/],
  ["a", "x".repeat(100), /^A_x{53}_[0-9a-f]{8}$/],
  ["a", "", "A_"],
])("%s, %s", (server, tool, name) => {
  const offered = upstreamToolName(server, tool);
  expect(offered).toMatch(name);
  expect(ToolName.safeParse(offered).success).toBe(true);
});

test("names that become alike are told apart, and stay the same", () => {
  const names = ["b.c", "b/c", "b c", `${"y".repeat(80)}1`, `${"y".repeat(80)}2`];
  const offered = names.map((name) => upstreamToolName("a", name));
  expect(new Set(offered).size).toBe(names.length);
  expect(names.map((name) => upstreamToolName("a", name))).toEqual(offered);
});

test.each([
  ["neither", {}],
  ["an address of another kind", { url: "file:///etc/passwd" }],
  ["no program", { command: "" }],
  ["a text in place of the arguments", { command: "a", args: "b" }],
  ["a header of another form", { url: "http://a.example", headers: { "a b": "c" } }],
  ["a variable of another form", { command: "a", secrets: ["lower"] }],
])("%s is no MCP server", (_, server) => {
  const issue = Manifest.safeParse({ mcp_servers: { one: server } }).error?.issues[0];
  expect(issue?.path.slice(0, 2)).toEqual(["mcp_servers", "one"]);
  expect(issue?.message).toContain("must");
});

test("a name that cannot begin a tool's name, and more than there may be, are refused", () => {
  const server = { url: "http://a.example/mcp" };
  expect(Manifest.safeParse({ mcp_servers: { "A b": server } }).success).toBe(false);
  const many = Object.fromEntries(Array.from({ length: 21 }, (_, index) => [`s${index}`, server]));
  expect(Manifest.safeParse({ mcp_servers: many }).success).toBe(false);
});
