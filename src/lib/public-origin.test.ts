/** Which addresses are this Luna's own. */
import { expect, test } from "bun:test";
import { isOwnAddress, publicOrigin } from "./public-origin.ts";

const LOCAL = "http://127.0.0.1:8443";
const PUBLIC = "https://luna.example";

test("a name of this machine on the same port is kept, everything else is the public address", () => {
  expect(publicOrigin(LOCAL, "localhost:8443")).toBe("http://localhost:8443");
  expect(publicOrigin(LOCAL, "127.0.0.1:8443")).toBe(LOCAL);
  for (const host of ["localhost:1", "evil.example:8443", "localhost:8443/x", "a@localhost:8443"]) {
    expect(publicOrigin(LOCAL, host)).toBe(LOCAL);
  }
  expect(publicOrigin(LOCAL, undefined)).toBe(LOCAL);
  expect(publicOrigin(PUBLIC, "localhost")).toBe(PUBLIC);
  expect(publicOrigin(PUBLIC, "evil.example")).toBe(PUBLIC);
});

test.each([
  [LOCAL, `${LOCAL}/api/mcp`],
  [LOCAL, "http://localhost:8443/api/mcp"],
  [LOCAL, `${LOCAL}/api/mcp/`],
  [PUBLIC, "https://luna.example/api/mcp"],
  [PUBLIC, "HTTPS://LUNA.example:443/api/mcp"],
])("%s has %s", (publicUrl, address) => {
  expect(isOwnAddress(address, publicUrl, "/api/mcp")).toBe(true);
});

test.each([
  "http://luna.example/api/mcp",
  "https://luna.example",
  "https://luna.example/",
  "https://luna.example/api/mcp-work/mcp",
  "https://luna.example/api/mcp//",
  "https://luna.example/api/mcp?x=1",
  "https://luna.example/api/mcp#",
  "https://luna.example/api/mcp#x",
  "https://user@luna.example/api/mcp",
  "https://luna.example:8443/api/mcp",
  "https://luna.example.evil/api/mcp",
  "https://localhost/api/mcp",
  "luna.example/api/mcp",
  "",
])("%s is another one's", (address) => {
  expect(isOwnAddress(address, PUBLIC, "/api/mcp")).toBe(false);
});
