/** API keys on a real file: made, listed, changed, rotated, revoked, and none of them to be found there. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { stat } from "node:fs/promises";
import { type KeysHarness, startKeys } from "../../tests/support/api-keys.ts";
import { until } from "../../tests/support/until.ts";
import { ApiKeysFile, ChangeApiKey, CreateApiKey } from "../contract/api-keys.ts";
import { hashSecret } from "../lib/secret.ts";
import { KeyUseTimes } from "./key-use-times.ts";

let keys: KeysHarness;
beforeEach(async () => {
  keys = await startKeys();
});
afterEach(() => keys.remove());

const text = (): Promise<string> => Bun.file(keys.path).text();
const at = (ms: number): string => new Date(ms).toISOString();

async function onlyKey() {
  const [key] = (await keys.apiKeys.list()).keys;
  if (key === undefined) throw new Error("There is no key");
  return key;
}

describe("a key", () => {
  test("is told once, kept as a hash, and its file is its user's alone", async () => {
    const { key, api_key } = await keys.create("CI");
    expect(api_key).toMatch(/^sk-luna-[A-Za-z0-9_-]{43}$/);
    expect(key).toEqual({
      id: key.id,
      name: "CI",
      key_hint: api_key.slice(-4),
      scopes: { agents: "all", mcp_servers: "all", tools: "all", read_only: false },
      created_at: at(keys.time.now),
      ...{ rotated_at: null, last_used_at: null, expires_at: null, is_expired: false },
      ...{ previous_expires_at: null, rate_limit: null },
    });
    expect(await keys.apiKeys.list()).toEqual({ keys: [key], agent_key: null });
    expect(await text()).not.toContain(api_key);
    expect(await text()).toContain(hashSecret(api_key));
    expect(JSON.stringify(await keys.apiKeys.list())).not.toContain(hashSecret(api_key));
    expect((await stat(keys.path)).mode & 0o777).toBe(0o600);
  });

  test("has a name of its own, however it is written", async () => {
    await keys.create("CI");
    for (const name of ["CI", "ci", " CI ", "agent_api_key"]) {
      await expect(keys.create(name)).rejects.toThrow("there is one of that name");
    }
    const other = await keys.create("other");
    await expect(keys.apiKeys.change(other.key.id, { name: "ci" })).rejects.toThrow("that name");
    expect((await keys.apiKeys.change(other.key.id, { name: "OTHER" })).name).toBe("OTHER");
  });

  test("cannot expire in the past, and one that has expired says so", async () => {
    const past = { expires_at: at(keys.time.now) };
    await expect(keys.create("CI", past)).rejects.toThrow("that is past");
    const { key } = await keys.create("CI", { expires_at: at(keys.time.now + 1) });
    await expect(keys.apiKeys.change(key.id, past)).rejects.toThrow("that is past");
    expect((await onlyKey()).is_expired).toBe(false);
    keys.time.now += 1;
    expect((await onlyKey()).is_expired).toBe(true);
    await keys.apiKeys.change(key.id, { expires_at: null });
    expect(await onlyKey()).toMatchObject({ is_expired: false, expires_at: null });
  });

  test("keeps what a change does not name", async () => {
    const { key, api_key } = await keys.create("CI", { rate_limit: { requests: 1, window_s: 1 } });
    const scopes = { ...key.scopes, read_only: true };
    expect(await keys.apiKeys.change(key.id, { scopes })).toEqual({ ...key, scopes });
    const file = ApiKeysFile.parse(JSON.parse(await text()));
    expect(file.keys[key.id]?.key_hash).toBe(hashSecret(api_key));
  });

  test("is rotated: the old secret is kept for the grace alone", async () => {
    const { key, api_key } = await keys.create("CI");
    keys.time.now += 1000;
    const second = await keys.apiKeys.rotate(key.id, 60);
    expect(second.api_key).not.toBe(api_key);
    expect(second.key).toMatchObject({
      ...{ id: key.id, created_at: key.created_at, rotated_at: at(keys.time.now) },
      previous_expires_at: at(keys.time.now + 60_000),
    });
    keys.time.now += 60_000;
    expect((await onlyKey()).previous_expires_at).toBe(null);
    await keys.apiKeys.rotate(key.id, 0);
    const file = await text();
    for (const secret of [api_key, second.api_key]) expect(file).not.toContain(hashSecret(secret));
  });

  test("that is not there cannot be changed, rotated or revoked", async () => {
    const { key } = await keys.create("CI");
    await keys.apiKeys.revoke(key.id);
    expect(await keys.apiKeys.list()).toEqual({ keys: [], agent_key: null });
    const none = "there is none with that id";
    await expect(keys.apiKeys.change(key.id, {})).rejects.toThrow(none);
    await expect(keys.apiKeys.rotate(key.id, 0)).rejects.toThrow(none);
    await expect(keys.apiKeys.revoke(key.id)).rejects.toThrow(none);
  });

  test("made beside others, none is lost", async () => {
    const names = Array.from({ length: 20 }, (_, index) => `key ${index}`);
    await Promise.all(names.map((name) => keys.create(name)));
    const listed = (await keys.apiKeys.list()).keys.map(({ name }) => name);
    expect(listed.toSorted()).toEqual(names.toSorted());
  });
});

describe("the file", () => {
  test("keeps what this version does not know", async () => {
    const { key } = await keys.create("CI");
    const file = JSON.parse(await text());
    file.mine = 1;
    file.keys[key.id].note = "kept";
    await Bun.write(keys.path, JSON.stringify(file));
    await keys.apiKeys.rotate(key.id, 0);
    expect(JSON.parse(await text())).toMatchObject({
      mine: 1,
      keys: { [key.id]: { note: "kept" } },
    });
    expect(JSON.stringify(await keys.apiKeys.list())).not.toContain("kept");
  });

  test("that does not parse, or is of a later version, is never written over", async () => {
    await keys.create("CI");
    for (const broken of ['{"keys": oops', '{"version": 2, "keys": {}}']) {
      await Bun.write(keys.path, broken);
      await expect(keys.create("other")).rejects.toThrow("api_keys.json");
      expect(await text()).toBe(broken);
    }
  });
});

describe("requests", () => {
  const scopes = { agents: ["simple_agent"] };
  test.each<[string, unknown, string]>([
    ["no scopes", { name: "CI" }, "scopes"],
    ["scopes that open nothing", { name: "CI", scopes: {} }, "must open something"],
    ["a name of two lines", { name: "a\nb", scopes }, "one line"],
    ["no name", { name: " ", scopes }, "1 to 64"],
    ["a scope that is no list", { name: "CI", scopes: { agents: "simple_agent" } }, '"all"'],
    ["a reserved server", { name: "CI", scopes: { mcp_servers: ["main"] } }, "reserved"],
    [
      "a tool that can be none",
      { name: "CI", scopes: { ...scopes, tools: ["a b"] } },
      "a tool's name",
    ],
    ["an unknown scope", { name: "CI", scopes: { ...scopes, admin: true } }, "admin"],
    ["a time that is none", { name: "CI", scopes, expires_at: "tomorrow" }, "expires_at"],
    [
      "no request at all",
      { name: "CI", scopes, rate_limit: { requests: 0, window_s: 1 } },
      "requests",
    ],
    ["a key of its own", { name: "CI", scopes, key_hash: "0" }, "key_hash"],
  ])("with %s are refused", (_what, request, words) => {
    expect(JSON.stringify(CreateApiKey.safeParse(request).error?.issues)).toContain(
      JSON.stringify(words).slice(1, -1),
    );
  });

  test("name what a key opens; of that all tools, when nothing else is said", () => {
    expect(CreateApiKey.parse({ name: " CI ", scopes })).toEqual({
      name: "CI",
      scopes: { ...scopes, mcp_servers: [], tools: "all", read_only: false },
      ...{ expires_at: null, rate_limit: null },
    });
    expect(ChangeApiKey.parse({})).toEqual({});
  });
});

describe("the last use", () => {
  test("is known at once, and written down after a while and at the end", async () => {
    const [first, second] = [await keys.create("first"), await keys.create("second")];
    const before = await text();
    const times = { [first.key.id]: at(5000), AGENT_API_KEY: at(6000), nobody: at(7000) };
    await keys.useTimes.note(times);
    await keys.useTimes.note({ [first.key.id]: at(4000) });
    const listed = (await keys.apiKeys.list()).keys;
    expect(listed.map(({ last_used_at }) => last_used_at)).toEqual([at(5000), null]);
    expect(await text()).toBe(before);
    await keys.useTimes.flush();
    const file = ApiKeysFile.parse(JSON.parse(await text()));
    expect(file.keys[first.key.id]?.last_used_at).toBe(at(5000));
    expect(file.keys[second.key.id]?.last_used_at).toBe(null);
    expect(Object.keys(file.keys)).toHaveLength(2);
    await keys.useTimes.flush();
  });

  test("of many uses makes one write in its interval", async () => {
    const { key } = await keys.create("CI");
    const useTimes = new KeyUseTimes({ store: keys.store, log: keys.log, writeIntervalMs: 30 });
    const inode = async () => (await stat(keys.path)).ino;
    const before = await inode();
    for (let use = 1; use <= 50; use += 1) await useTimes.note({ [key.id]: at(use) });
    expect(await inode()).toBe(before);
    await until(async () => (await inode()) !== before, { what: "the write" });
    const after = await inode();
    await useTimes.flush();
    expect(await inode()).toBe(after);
    expect((await onlyKey()).last_used_at).toBe(at(50));
  });

  test("that cannot be written is told in the log, kept, and written later", async () => {
    const { key } = await keys.create("CI");
    const good = await text();
    await Bun.write(keys.path, "{");
    await keys.useTimes.note({ [key.id]: at(5000) });
    await keys.useTimes.flush();
    expect(keys.logged.join()).toContain("Cannot write down when keys were used last");
    await Bun.write(keys.path, good);
    await keys.useTimes.flush();
    expect(JSON.parse(await text()).keys[key.id].last_used_at).toBe(at(5000));
  });
});
