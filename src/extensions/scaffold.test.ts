/** Tests which files a new extension gets, and that nothing of the template's name is left in them. */
import { expect, test } from "bun:test";
import { scaffold } from "./scaffold.ts";
import { TEMPLATE } from "./template.generated.ts";

const options = { name: "my-notes", isPython: false, hasUi: true, hasService: true };

test("every file speaks of the new extension", () => {
  const files = scaffold(TEMPLATE, options);
  expect([...files.keys()].sort()).toEqual([
    ".gitignore",
    "README.md",
    "config.json",
    "services/api/server.ts",
    "services/api/service_config.json",
    "services/api/start.sh",
    "tests/my-notes.test.ts",
    "tools/my-notes_tools.ts",
    "tsconfig.json",
    "ui/index.html",
    "ui/page.js",
    "ui/server.ts",
    "ui/start.sh",
  ]);
  for (const text of files.values()) expect(text).not.toMatch(/sample/i);
  expect(files.get("tools/my-notes_tools.ts")).toContain('"MY_NOTES_GET_greeting"');
  expect(files.get("tests/my-notes.test.ts")).toContain('"../tools/my-notes_tools.ts"');
});

test("in Python, modules have names that can be imported, and TypeScript is only where it is needed", () => {
  const files = scaffold(TEMPLATE, { ...options, isPython: true, hasUi: false, hasService: false });
  expect([...files.keys()].sort()).toEqual([
    ".gitignore",
    "README.md",
    "config.json",
    "requirements.txt",
    "tests/test_my_notes.py",
    "tools/my_notes_tools.py",
  ]);
  expect(files.get("tests/test_my_notes.py")).toContain("from my_notes_tools import");
  const withUi = scaffold(TEMPLATE, { ...options, isPython: true, hasService: false });
  expect(withUi.has("tsconfig.json")).toBe(true);
});

test("a name that begins with a digit gives tools a name that does not", () => {
  const files = scaffold(TEMPLATE, { ...options, name: "2do" });
  expect(files.get("tools/2do_tools.ts")).toContain('"X2DO_GET_greeting"');
});
