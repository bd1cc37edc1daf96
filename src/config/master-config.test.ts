/** Tests of the master configuration's store. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { revisionOf } from "../lib/revision.ts";
import { MasterConfigStore } from "./master-config.ts";

let folder: string;
let path: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "luna-config-"));
  path = join(folder, "master_config.json");
});
afterEach(() => rm(folder, { recursive: true }));

test("without a file there are the defaults, and nothing is written", async () => {
  const store = new MasterConfigStore(path);
  expect((await store.read()).deployment_mode).toBe("local");
  expect(store.exists()).toBe(false);
});

test("unknown keys survive a rewrite", async () => {
  await writeFile(path, JSON.stringify({ mine: { kept: true }, luna: { also: 1 } }));
  const store = new MasterConfigStore(path);
  await store.update((config) => {
    config.public_domain = "example.org";
  });
  const written = JSON.parse(await readFile(path, "utf8"));
  expect(written).toMatchObject({
    mine: { kept: true },
    luna: { also: 1 },
    public_domain: "example.org",
  });
});

test("an edit from outside is noticed", async () => {
  const store = new MasterConfigStore(path);
  await store.update(() => undefined);
  await writeFile(path, JSON.stringify({ public_domain: "outside.example" }));
  expect((await store.read()).public_domain).toBe("outside.example");
});

test("changes at the same time are all kept", async () => {
  const store = new MasterConfigStore(path);
  const names = Array.from({ length: 20 }, (_, i) => `extension_${i}`);
  await Promise.all(
    names.map((name) =>
      store.update((config) => {
        config.extensions[name] = { enabled: true, source: "local", config: {} };
      }),
    ),
  );
  expect(Object.keys((await new MasterConfigStore(path).read()).extensions)).toEqual(names);
});

test("an edit by hand in the middle of a change is kept, and the change is made to it", async () => {
  const store = new MasterConfigStore(path);
  await store.update(() => undefined);
  let calls = 0;
  await store.update((config, revision) => {
    calls += 1;
    expect(revision).toBe(revisionOf(config));
    // As an editor does, after this content was read.
    if (calls === 1) writeFileSync(path, JSON.stringify({ public_domain: "by.hand" }));
    config.deployment_mode = "ngrok";
  });
  expect(calls).toBe(2);
  const content = await new MasterConfigStore(path).read();
  expect(content).toMatchObject({ public_domain: "by.hand", deployment_mode: "ngrok" });
});

test("a broken file is named with line and column, and never reset", async () => {
  const broken = '{\n  "luna": {},\n  oops\n}\n';
  await writeFile(path, broken);
  const store = new MasterConfigStore(path);
  await expect(store.read()).rejects.toThrow(
    /master_config\.json": line 3, column 3 is not valid JSON/,
  );
  await expect(store.update(() => undefined)).rejects.toThrow("line 3");
  expect(store.problem).toContain("line 3, column 3");
  expect(await readFile(path, "utf8")).toBe(broken);
});

test("a file that was broken from the start counts once it is mended", async () => {
  await writeFile(path, "{");
  const store = new MasterConfigStore(path);
  await expect(store.read()).rejects.toThrow("line 1");
  await expect(store.read()).rejects.toThrow("line 1");
  await writeFile(path, JSON.stringify({ public_domain: "mended.example" }));
  expect((await store.read()).public_domain).toBe("mended.example");
  expect(store.problem).toBeUndefined();
});

test("a file that is broken later leaves the last good configuration in force, and is not overwritten", async () => {
  const store = new MasterConfigStore(path);
  await store.update((config) => {
    config.public_domain = "good.example";
  });
  await writeFile(path, "{ oops");
  expect((await store.read()).public_domain).toBe("good.example");
  expect(store.problem).toContain("line 1, column 3 is not valid JSON");
  await expect(store.update(() => undefined)).rejects.toThrow("line 1");
  expect(await readFile(path, "utf8")).toBe("{ oops");
  await writeFile(path, JSON.stringify({ public_domain: "mended.example" }));
  expect((await store.read()).public_domain).toBe("mended.example");
  expect(store.problem).toBeUndefined();
});

test("a wrong value is named with its field", async () => {
  await writeFile(path, '{"deployment_mode":"cloud"}');
  await expect(new MasterConfigStore(path).read()).rejects.toThrow(/deployment_mode/);
});
