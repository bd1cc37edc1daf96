/** That what people copy says exactly what the clients take. */
import { expect, test } from "bun:test";
import { execFileSync } from "node:child_process";
import { agentBaseUrl, agentSnippets } from "./agent-snippets.ts";
import {
  type Client,
  clientsFor,
  isPublicHttps,
  type ServerAccess,
  shellQuoted,
} from "./clients.ts";
import { signInClientsFor } from "./sign-in-clients.ts";

const ACCESS: ServerAccess = {
  name: "work",
  url: "http://127.0.0.1:8443/api/mcp-work/mcp",
  apiKey: "sk-luna-mcp-abc",
  command: ["/opt/luna/luna"],
  env: {},
};

function client(id: string, access = ACCESS): Client {
  const found = clientsFor(access).find((candidate) => candidate.id === id);
  if (found === undefined) throw new Error(`No client "${id}"`);
  return found;
}
const codes = (id: string, access = ACCESS): string[] =>
  client(id, access).steps.flatMap(({ code }) => code?.text ?? []);
const links = (id: string, access = ACCESS): string[] =>
  client(id, access).steps.flatMap(({ link }) => link?.href ?? []);

test("Claude Code gets one command", () => {
  expect(codes("claude-code")[0]).toBe(
    "claude mcp add --transport http --scope user luna-work 'http://127.0.0.1:8443/api/mcp-work/mcp' --header 'Authorization: Bearer sk-luna-mcp-abc'",
  );
});

test("Claude Desktop starts Luna's own bridge", () => {
  const server = (access: ServerAccess) =>
    JSON.parse(codes("claude-desktop", access)[0] ?? "").mcpServers["luna-work"];
  expect(server(ACCESS)).toEqual({
    command: "/opt/luna/luna",
    args: ["mcp", "stdio", "--hub", "work"],
  });
  const env = { LUNA_HOME: "/data/my luna" };
  expect(server({ ...ACCESS, command: ["/bin/bun", "/src/luna.ts"], env })).toEqual({
    command: "/bin/bun",
    args: ["/src/luna.ts", "mcp", "stdio", "--hub", "work"],
    env,
  });
});

test("Cursor's link holds the same configuration as its file", () => {
  const link = new URL(links("cursor")[0] ?? "");
  const inLink = JSON.parse(atob(link.searchParams.get("config") ?? ""));
  expect(link.searchParams.get("name")).toBe("luna-work");
  expect(inLink).toEqual({
    url: ACCESS.url,
    headers: { Authorization: "Bearer sk-luna-mcp-abc" },
  });
  expect(JSON.parse(codes("cursor")[0] ?? "").mcpServers["luna-work"]).toEqual(inLink);
  expect(links("cursor", { ...ACCESS, apiKey: undefined })).toEqual([]);
});

test("VS Code asks for the key itself: it is in no link, command or file", () => {
  const [link = ""] = links("vs-code");
  const inLink = JSON.parse(decodeURIComponent(link.replace("vscode:mcp/install?", "")));
  expect(inLink).toMatchObject({
    name: "luna-work",
    type: "http",
    url: ACCESS.url,
    headers: { Authorization: `Bearer \${input:luna-key}` },
    inputs: [{ id: "luna-key", type: "promptString", password: true }],
  });
  const [command = "", file = ""] = codes("vs-code");
  expect(command).toStartWith("code --add-mcp '{");
  expect(JSON.parse(file).servers["luna-work"]).toMatchObject({ type: "http", url: ACCESS.url });
  expect([link, command, file].join()).not.toContain("abc");
});

test("clients that sign in get one address, and no key", () => {
  const here = signInClientsFor("http://127.0.0.1:8443");
  const textOf = (id: string) => JSON.stringify(here.find((one) => one.id === id)?.steps);
  for (const { steps } of here) {
    expect(JSON.stringify(steps)).not.toMatch(/Bearer|sk-luna|YOUR_KEY/);
  }
  expect(textOf("sign-in-claude-code")).toContain(
    "claude mcp add --transport http --scope user luna 'http://127.0.0.1:8443/api/mcp'",
  );
  const link = here.find(({ id }) => id === "sign-in-cursor")?.steps[0]?.link?.href ?? "";
  expect(JSON.parse(atob(new URL(link).searchParams.get("config") ?? ""))).toEqual({
    url: "http://127.0.0.1:8443/api/mcp",
  });
  expect(here.find(({ id }) => id === "sign-in-claude")?.obstacle).toContain("127.0.0.1");
  const there = signInClientsFor("https://luna.example.org");
  expect(there.every(({ obstacle }) => obstacle === undefined)).toBe(true);
});

test("clients in the cloud are refused with the reason", () => {
  expect(client("cloud").obstacle).toContain("http://127.0.0.1:8443");
  const inPublic = { ...ACCESS, url: "https://luna.example.org/api/mcp-work/mcp" };
  expect(client("cloud", inPublic).obstacle).toContain("OAuth");
});

test.each([
  ["https://luna.example.org/x", true],
  ["http://luna.example.org/x", false],
  ["https://localhost:8443/x", false],
  ["https://192.168.1.5/x", false],
  ["https://172.20.0.1/x", false],
  ["https://172.32.0.1/x", true],
  ["https://[::1]/x", false],
  ["https://nas.local/x", false],
  ["nonsense", false],
])("%p is public: %p", (url, expected) => {
  expect(isPublicHttps(url)).toBe(expected);
});

test("without the key, its place is marked", () => {
  const access = { ...ACCESS, apiKey: undefined };
  for (const id of ["claude-code", "cursor", "other", "curl"]) {
    expect(codes(id, access).join()).toContain("Bearer YOUR_KEY");
  }
});

test("quoting survives a shell", () => {
  const text = `it's "$HOME" \\ \`x\``;
  const output = execFileSync("sh", ["-c", `printf %s ${shellQuoted(text)}`]);
  expect(output.toString()).toBe(text);
});

test("programs get the address of the agent API, and the key once it is shown", () => {
  const baseUrl = agentBaseUrl("http://127.0.0.1:8443/");
  expect(baseUrl).toBe("http://127.0.0.1:8443/api/agent/v1");
  for (const { code } of agentSnippets({ baseUrl, apiKey: "sk-luna-xyz" })) {
    expect(code).toContain(baseUrl);
    expect(code).toContain("sk-luna-xyz");
  }
  for (const { code } of agentSnippets({ baseUrl, apiKey: undefined })) {
    expect(code).toContain("YOUR_AGENT_KEY");
  }
});
