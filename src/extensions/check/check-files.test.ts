/** Tests that what is wrong with an extension's files is named by file and field. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { scaffold } from "../scaffold.ts";
import { TEMPLATE } from "../template.generated.ts";
import { checkFiles } from "./check-files.ts";

let home: string;
let folder: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "luna-check-files-"));
  folder = join(home, "demo");
  const options = { name: "demo", isPython: false, hasUi: true, hasService: true };
  for (const [path, text] of scaffold(TEMPLATE, options)) write(path, text);
});
afterEach(() => rmSync(home, { recursive: true }));

function write(path: string, text: string): void {
  const file = join(folder, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
  if (path.endsWith(".sh")) chmodSync(file, 0o755);
}

test("a new extension has nothing to improve", async () => {
  expect(await checkFiles(folder)).toEqual([]);
});

const MANIFEST = { name: "demo", version: "1", description: "A demonstration" };
test.each([
  ["config.json", "{", undefined, "error", "not valid JSON"],
  ["config.json", JSON.stringify({ ...MANIFEST, version: 1 }), undefined, "error", "version"],
  [
    "config.json",
    JSON.stringify({ ...MANIFEST, requiredsecrets: [] }),
    "requiredsecrets",
    "warning",
    '"required_secrets"?',
  ],
  [
    "config.json",
    JSON.stringify({ ...MANIFEST, ui: { stripprefix: true } }),
    "ui.stripprefix",
    "warning",
    '"strip_prefix"?',
  ],
  [
    "config.json",
    JSON.stringify({ ...MANIFEST, name: "other" }),
    "name",
    "warning",
    "folder's name",
  ],
  ["config.json", JSON.stringify({ ...MANIFEST, version: "" }), "version", "warning", "not there"],
  [
    "config.json",
    JSON.stringify({ ...MANIFEST, required_secrets: ["PATH"] }),
    undefined,
    "error",
    "no extension may have",
  ],
  [
    "config.json",
    JSON.stringify({ ...MANIFEST, required_secrets: ["A_KEY"] }),
    "required_secrets[0]",
    "warning",
    "A_KEY",
  ],
  [
    "services/api/service_config.json",
    '{"requires_port": true}',
    "health_check",
    "warning",
    "not there",
  ],
  [
    "services/api/service_config.json",
    '{"health_check": "/x"}',
    "health_check",
    "warning",
    "never asked",
  ],
  [
    "services/api/service_config.json",
    '{"requires_port": true, "health_check": "x"}',
    "health_check",
    "error",
    "/",
  ],
  ["services/api/start.sh", "exec true $1\n", undefined, "warning", "interpreter"],
  ["services/api/start.sh", "#!/bin/sh\r\nexec true $1\r\n", undefined, "error", "line ends"],
  ["services/api/start.sh", "#!/bin/sh\nexec true\n", undefined, "warning", "$1"],
  ["tools/tool_config.json", '{"X": 1}', undefined, "error", "tool_config.json"],
])("%s with %j", async (file, text, field, severity, message) => {
  write(file, text);
  const findings = await checkFiles(folder);
  expect(findings).toHaveLength(1);
  expect(findings[0]).toMatchObject({ file, severity, ...(field === undefined ? {} : { field }) });
  expect(findings[0]?.message).toContain(message);
});

test("a setting of the extension's own may have any name", async () => {
  write("config.json", JSON.stringify({ ...MANIFEST, favourite_colour: "green" }));
  expect(await checkFiles(folder)).toEqual([]);
});

test("a script that cannot be executed, a service without one, and an empty extension are found", async () => {
  chmodSync(join(folder, "ui/start.sh"), 0o644);
  rmSync(join(folder, "services/api/start.sh"));
  expect(await checkFiles(folder)).toMatchObject([
    { severity: "error", file: "services/api" },
    { severity: "warning", file: "ui/start.sh" },
  ]);
  for (const part of ["ui", "services", "tools"]) rmSync(join(folder, part), { recursive: true });
  expect(await checkFiles(folder)).toMatchObject([{ severity: "error", file: "" }]);
});
