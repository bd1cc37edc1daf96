/** Laying out the bundled extensions in a temporary home. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { layOutBundled } from "./bundled.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "luna-bundled-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

const BUNDLED = {
  "notes/config.json": "{}",
  "notes/tools/notes_tools.ts": "export const TOOLS = [];",
  "tasks/tools/tasks_tools.ts": "export const TOOLS = [];",
};

test("each file lands where it belongs, in an extensions folder that need not exist", async () => {
  const extensions = join(folder, "new");
  expect(await layOutBundled(BUNDLED, extensions)).toEqual(["notes", "tasks"]);
  expect(readdirSync(extensions).sort()).toEqual(["notes", "tasks"]);
  for (const [path, text] of Object.entries(BUNDLED)) {
    expect(readFileSync(join(extensions, path), "utf8")).toBe(text);
  }
});

test("a folder that exists is left alone, even when it is empty", async () => {
  mkdirSync(join(folder, "notes"));
  expect(await layOutBundled(BUNDLED, folder)).toEqual(["tasks"]);
  expect(readdirSync(join(folder, "notes"))).toEqual([]);
  expect(await layOutBundled(BUNDLED, folder)).toEqual([]);
});

test.each(["../x/a", "notes/../../a", "/etc/passwd", "notes/", "notes//a", "agent/a", "notes"])(
  "%s is refused and nothing is written",
  async (path) => {
    await expect(layOutBundled({ ...BUNDLED, [path]: "x" }, join(folder, "new"))).rejects.toThrow();
    expect(existsSync(join(folder, "new"))).toBe(false);
  },
);
