/** What MCP believes of access tokens, for how long, and how often it asks. */
import { beforeEach, expect, test } from "bun:test";
import type { Access } from "../../contract/oauth.ts";
import { createLogger } from "../../lib/log.ts";
import { AccessTokens, BELIEVED_ALONE_MS, BELIEVED_MS } from "./access-tokens.ts";

const START = 1_800_000_000_000;
const GOOD: Access = {
  ...{ grant: "g", client_name: "Client", scope: "tools", resource: "https://l.example/api/mcp" },
  expires_at: START + 3_600_000,
};

let now: number;
let asked: number;
let answer: () => Promise<Access | undefined>;
let tokens: AccessTokens;

beforeEach(() => {
  now = START;
  asked = 0;
  answer = async () => GOOD;
  tokens = new AccessTokens({
    ask: async () => {
      asked += 1;
      const access = (await answer()) ?? null;
      return { access, refusal: access === null ? { fault: "unknown", client_name: null } : null };
    },
    clock: () => now,
    log: createLogger("test", [], () => undefined),
  });
});

test("auth is asked once a second, however many calls there are", async () => {
  const found = await Promise.all(Array.from({ length: 100 }, () => tokens.find("a")));
  expect(found.every((access) => access === GOOD)).toBe(true);
  now += BELIEVED_MS - 1;
  await tokens.find("a");
  expect(asked).toBe(1);
  now += 1;
  await tokens.find("a");
  await tokens.find("b");
  expect(asked).toBe(3);
});

test("a revocation counts within a second, an expiry at once", async () => {
  expect(await tokens.find("a")).toBe(GOOD);
  answer = async () => undefined;
  now += BELIEVED_MS;
  expect(await tokens.find("a")).toBeUndefined();
  answer = async () => ({ ...GOOD, expires_at: now + 10 });
  expect(await tokens.find("b")).toBeDefined();
  now += 10;
  expect(await tokens.find("b")).toBeUndefined();
});

test("while auth is away, what it said last holds for a while, and nothing else does", async () => {
  await tokens.find("a");
  answer = () => Promise.reject(new Error("ECONNREFUSED"));
  now += BELIEVED_ALONE_MS - 1;
  expect(await tokens.find("a")).toBe(GOOD);
  await expect(tokens.find("b")).rejects.toThrow("does not answer");
  now += 1;
  await expect(tokens.find("a")).rejects.toThrow("does not answer");
  answer = async () => GOOD;
  expect(await tokens.find("a")).toBe(GOOD);
});

test("a clock that was set back makes nothing last longer", async () => {
  await tokens.find("a");
  answer = async () => undefined;
  now -= 60_000;
  expect(await tokens.find("a")).toBeUndefined();
});
