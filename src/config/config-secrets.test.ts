/** Tests of what of the configuration is shown, and of what outlives a writer who was not shown it. */
import { expect, test } from "bun:test";
import { keepingSecrets, withoutSecrets } from "./config-secrets.ts";

const KNOWN = ["a value that .env has too"];

const CONFIG = {
  public_domain: "luna.example.com",
  service_api_keys: { "notes.web": "plain" },
  mcp_servers: { desk: { name: "desk", key_hash: "ab", key_hint: "1234", api_key: "old" } },
  remote_mcp_servers: {
    one: { url: "https://mcp.example.com/x?api_key=abc", enabled: true },
    two: { url: "https://user:hidden@mcp.example.com/x" },
    three: { url: "https://mcp.example.com/x?page=2" },
  },
  extensions: {
    notes: {
      config: {
        ...{ imapPassword: "p", max_token: 5, sort: "key", dsn: `pg://${KNOWN[0]}` },
        ...{ accounts: [{ name: "me", token: "t" }], tags: ["a", "b"], empty_secret: "" },
      },
    },
  },
};

test("no secret is shown, and nothing else is held back", () => {
  expect(withoutSecrets(CONFIG, KNOWN)).toEqual({
    public_domain: "luna.example.com",
    mcp_servers: { desk: { name: "desk", key_hash: "ab", key_hint: "1234" } },
    remote_mcp_servers: {
      one: { enabled: true },
      two: {},
      three: { url: "https://mcp.example.com/x?page=2" },
    },
    extensions: {
      notes: { config: { max_token: 5, sort: "key", tags: ["a", "b"], empty_secret: "" } },
    },
  });
});

test("who sends back what was shown changes nothing", () => {
  expect(keepingSecrets(CONFIG, withoutSecrets(CONFIG, KNOWN), KNOWN)).toEqual(CONFIG);
});

test("a secret can be set, goes with what it belongs to, and comes into nothing that had none", () => {
  const sent = {
    ...{ service_api_keys: {}, mcp_servers: { desk: { api_key: "new" } } },
    extensions: { other: { config: {} } },
  };
  expect(keepingSecrets(CONFIG, sent, KNOWN)).toEqual(sent);
});
