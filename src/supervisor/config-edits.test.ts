/** Tests of what is recorded when master_config.json was changed by hand, and when it was not. */
import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { MemoryTrail } from "../../tests/support/memory-trail.ts";
import { MasterConfigStore } from "../config/master-config.ts";
import { recordConfigEdits } from "./config-edits.ts";

const folder = mkdtempSync(join(tmpdir(), "luna-edits-"));
afterAll(() => rmSync(folder, { recursive: true }));

test("an edit of the file is recorded by the names of what changed, and Luna's own writing is not", async () => {
  const path = join(folder, "master_config.json");
  const audit = new MemoryTrail();
  const store = new MasterConfigStore(path, recordConfigEdits(audit));
  await store.update((config) => {
    config.public_domain = "one.example";
  });
  await store.update((config) => {
    config.public_domain = "two.example";
  });
  await Promise.all([store.read(), store.read()]);
  expect(audit.events).toEqual([]);

  const edited = await Bun.file(path).json();
  edited.public_domain = "hunter2.example";
  edited.extensions = { notes: { config: { password: "hunter2" } } };
  await Bun.write(path, JSON.stringify(edited));
  await Promise.all([store.read(), store.read()]);
  expect(audit.events).toMatchObject([
    {
      ...{ actor: { kind: "local" }, action: "config.change", target: "master_config.json" },
      ...{ outcome: "ok", details: { changed: ["extensions.notes", "public_domain"] } },
    },
  ]);
  expect(JSON.stringify(audit.events)).not.toContain("hunter2");

  // The same content once more, and a file that does not parse, are no change.
  await Bun.write(path, `${JSON.stringify(edited)}\n`);
  await store.read();
  await Bun.write(path, "{");
  await store.read();
  expect(audit.events.length).toBe(1);
});
