/** The pure rules of the authorization server: ids, redirect addresses, scopes and documents. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import {
  clientDocument,
  DOCUMENT_ID,
  type DocumentHost,
  documentsIn,
  startDocumentHost,
} from "../../../../tests/support/document-host.ts";
import { freshMs, isDocumentAddress } from "./client-documents.ts";
import { description } from "./oauth-error.ts";
import { isRegisteredRedirect, redirectView, withAnswer } from "./redirect-uris.ts";
import { accessOf, knownScopes, narrowed, readOnly, wantedScope } from "./scope.ts";

describe("redirect addresses", () => {
  test.each([
    ["https://claude.ai/api/mcp/auth_callback", "web", "claude.ai"],
    ["https://chatgpt.com/connector/oauth/OUbd", "web", "chatgpt.com"],
    ["https://vscode.dev/redirect", "web", "vscode.dev"],
    ["http://127.0.0.1:33418/", "loopback", "127.0.0.1:33418"],
    ["http://127.0.0.1", "loopback", "127.0.0.1"],
    ["http://localhost:3118/callback", "loopback", "localhost:3118"],
    ["http://[::1]:80/cb", "loopback", "[::1]"],
    ["cursor://anysphere.cursor-mcp/oauth/callback", "app", "cursor://"],
    ["com.example.app://callback", "app", "com.example.app://"],
  ] as const)("%s is a %s", (uri, kind, host) => {
    expect(redirectView(uri)).toEqual({ kind, host });
  });

  test.each([
    ...["http://client.example/cb", "http://127.0.0.2/cb", "http://localhost.evil.example/cb"],
    ...["http://127.0.0.1@evil.example/cb", "https://user:pw@client.example/cb"],
    ...["https://client.example/#x", "javascript:alert(1)", "javascript://x/%0aalert(1)"],
    ...["data:text/html,x", "file:///etc/passwd", "vbscript:x", "blob:https://x/y", "about:blank"],
    ...["ms-msdt://id", "search-ms://x", "mailto:x@y", "ftp://x.example/", "ws://x.example/"],
    ...["//client.example", "/callback", "callback", "", "https://", "https:// x.example/"],
    ...["https://x.example/\\evil", "https://x.example/\n", "urn:ietf:wg:oauth:2.0:oob"],
  ])("%s is none", (uri) => {
    expect(redirectView(uri)).toBeUndefined();
    expect(isRegisteredRedirect([uri], uri)).toBe(false);
  });

  test("the port alone may differ, and on the own computer alone", () => {
    expect(isRegisteredRedirect(["http://127.0.0.1/"], "http://127.0.0.1:59656/")).toBe(true);
    expect(isRegisteredRedirect(["http://127.0.0.1"], "http://127.0.0.1:59656/")).toBe(true);
    expect(isRegisteredRedirect(["http://[::1]:1/a?b"], "http://[::1]:2/a?b")).toBe(true);
    expect(isRegisteredRedirect(["http://[::1]:1/a?b"], "http://[::1]:2/a?c")).toBe(false);
    expect(isRegisteredRedirect(["https://a.example/x"], "https://a.example:8443/x")).toBe(false);
    expect(isRegisteredRedirect(["cursor://a/x"], "cursor://b/x")).toBe(false);
  });

  test("an answer comes behind what the address has already", () => {
    expect(withAnswer("https://a.example/cb?x=1", { code: "a b", state: undefined })).toBe(
      "https://a.example/cb?x=1&code=a%20b",
    );
    expect(withAnswer("cursor://a/cb", { code: "c", iss: "https://l" })).toBe(
      "cursor://a/cb?code=c&iss=https%3A%2F%2Fl",
    );
  });
});

describe("scopes", () => {
  test("what nobody knows is left out, and tools are meant where nothing is said of them", () => {
    expect(knownScopes("claudeai tools openid tools")).toEqual(["tools"]);
    expect(wantedScope("claudeai", true)).toBe("tools");
    expect(wantedScope("offline_access", true)).toBe("tools offline_access");
    expect(wantedScope("tools:read", true)).toBe("tools:read");
    expect(wantedScope(undefined, false)).toBe("");
  });

  test("a refresh may ask for less, never for more", () => {
    expect(narrowed("tools", undefined)).toBe("tools");
    expect(narrowed("tools", "tools:read")).toBe("tools:read");
    expect(narrowed("tools:read", "tools")).toBeUndefined();
    expect(narrowed("tools", "")).toBeUndefined();
  });

  test("in words", () => {
    expect(accessOf("tools tools:read", "x")).toBe("everything");
    expect(accessOf(readOnly("tools offline_access"), "x")).toBe("read_only");
    expect(accessOf("tools", null)).toBe("nothing");
    expect(accessOf("offline_access", "x")).toBe("nothing");
  });
});

test("a description is what OAuth lets it be", () => {
  expect(description('a "b"\\ ä\n')).toBe("a 'b'? ??");
});

describe("clients' documents", () => {
  test.each(["https://client.example/c.json", "https://a.b.example/", "https://x.example/?a=1"])(
    "%s",
    (id) => {
      expect(isDocumentAddress(id)).toBe(!/example\/(\?|$)/.test(id));
    },
  );

  test.each([
    ...["http://client.example/c.json", "https://client.example", "https://client.example/"],
    ...[
      "https://client.example:8443/c",
      "https://u@client.example/c",
      "https://client.example/c#x",
    ],
    ...["https://client.example/a/../c", "https://client.example/./c", "https://CLIENT.example/c"],
    ...["https://127.0.0.1/c", "https://[::1]/c", "https://localhost/c", "https://2130706433/c"],
    ...[
      "https://client.example/ c",
      "https:/client.example/c",
      `https://c.example/${"x".repeat(600)}`,
    ],
  ])("%s is none", (id) => {
    expect(isDocumentAddress(id)).toBe(false);
  });

  test.each([
    ["max-age=3600", 3_600_000],
    ["max-age=1", 60_000],
    ["public, max-age=99999999", 86_400_000],
    ["no-store", 60_000],
    ["no-cache, max-age=3600", 60_000],
    [undefined, 900_000],
  ])("Cache-Control %p: kept for %p ms", (header, ms) => {
    expect(freshMs(header)).toBe(ms);
  });

  let host: DocumentHost;
  beforeEach(() => {
    host = startDocumentHost();
  });
  afterEach(() => host.stop());

  test("a good one is read", async () => {
    const found = await documentsIn(host.network).fetch(DOCUMENT_ID);
    expect(found.document).toMatchObject({
      client_id: DOCUMENT_ID,
      client_name: "Documented client",
    });
  });

  test.each([
    ["of another client", () => Response.json(clientDocument({ client_id: `${DOCUMENT_ID}x` }))],
    ["with a slash more", () => Response.json(clientDocument({ client_id: `${DOCUMENT_ID}/` }))],
    ["without its id", () => Response.json(clientDocument({ client_id: undefined }))],
    ["without a name", () => Response.json(clientDocument({ client_name: undefined }))],
    ["without an address", () => Response.json(clientDocument({ redirect_uris: [] }))],
    ["with a secret", () => Response.json(clientDocument({ client_secret: "x" }))],
    ["that is a page", () => new Response("<html>", { headers: { "Content-Type": "text/html" } })],
    [
      "that is no JSON",
      () => new Response("{", { headers: { "Content-Type": "application/json" } }),
    ],
    ["that is not there", () => new Response("", { status: 404 })],
    ["that is elsewhere", () => Response.redirect("https://else.example/")],
    ["that is large", () => Response.json(clientDocument({ more: "x".repeat(20_000) }))],
  ])("one %s is refused", async (_what, answer) => {
    host.answer = answer;
    await expect(documentsIn(host.network).fetch(DOCUMENT_ID)).rejects.toThrow(
      /^Cannot use the client/,
    );
  });
});
