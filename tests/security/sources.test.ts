/** Named weaknesses that show in the sources: looked for in all of them, and found in a line that has them. */
import { expect, test } from "bun:test";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { CADDY_VERSION } from "../../src/caddy/release.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const PATTERNS = [
  "*.ts",
  "src/**/*.ts",
  "hub/src/**/*.ts",
  "hub/src/**/*.tsx",
  "extensions/**/*.ts",
];
const files = PATTERNS.flatMap((pattern) => [...new Bun.Glob(pattern).scanSync(ROOT)]).filter(
  (file) => !/\.(test|generated)\.tsx?$/.test(file),
);

/** Lines with `pattern`, comments left out, as `file: line`. */
async function linesWith(pattern: RegExp): Promise<string[]> {
  const found: string[] = [];
  for (const file of files) {
    const lines = (await Bun.file(ROOT + file).text()).split("\n");
    for (const line of lines) {
      if (!/^\s*(\/\/|\*|\/\*)/.test(line) && pattern.test(line))
        found.push(`${file}: ${line.trim()}`);
    }
  }
  return found;
}

test("the scan sees the sources", async () => {
  expect(files.length).toBeGreaterThan(200);
  expect((await linesWith(/timingSafeEqual\(/)).length).toBeGreaterThan(1);
});

test("CVE-2025-6514, CVE-2026-51997, CVE-2025-5891 no text is given to a shell", async () => {
  const shell =
    /\b(execSync|execFile|exec)\(|child_process|Bun\.\$|from "bun".*\$|shell:\s*true|\["(sh|bash)",\s*"-c"/;
  const method = /\.exec\(/;
  expect((await linesWith(shell)).filter((line) => !method.test(line))).toEqual([]);
  for (const planted of ["execSync(url)", "spawn(url, { shell: true })", '["sh", "-c", url]']) {
    expect(shell.test(planted)).toBe(true);
  }
});

test("CVE-2026-42203 no text becomes code", async () => {
  const code = /\beval\(|new Function\(|node:vm|runInContext/;
  expect(await linesWith(code)).toEqual([]);
  expect(code.test("return new Function(text)()")).toBe(true);
});

/** Compared with what Luna itself keeps, not with what somebody sent. */
const KEPT_ON_BOTH_SIDES = ["src/api-keys/api-keys.ts"];

test("S8, 3.4-7 no secret is compared letter by letter", async () => {
  const secret = "\\w*(token|secret|apikey|api_key|passphrase|hash|mac|signature)";
  const compare = new RegExp(
    `\\b${secret}\\)?\\s*[!=]==\\s*(?!(?:undefined|null|true|false|typeof)\\b|"|'|\\d)\\w`,
    "i",
  );
  const found = (await linesWith(compare)).filter(
    (line) => !KEPT_ON_BOTH_SIDES.some((file) => line.startsWith(file)),
  );
  expect(found.filter((line) => !/content_?hash/i.test(line))).toEqual([]);
  expect(compare.test("if (presentedToken === apiKey) return;")).toBe(true);
  expect(compare.test("if (presentedToken === trueToken) return;")).toBe(true);
});

test("CVE-2025-68664, CVE-2025-68665 nothing is revived from text by LangChain", async () => {
  const revive = /@langchain\/core\/load/;
  expect(await linesWith(revive)).toEqual([]);
  expect(revive.test('import { load } from "@langchain/core/load";')).toBe(true);
});

const isAtLeast = (version: string, least: string): boolean =>
  Bun.semver.satisfies(version, `>=${least}`);

async function installed(name: string): Promise<string> {
  const file = Bun.file(`${ROOT}node_modules/${name}/package.json`);
  return z.object({ version: z.string() }).parse(await file.json()).version;
}

test("CVE-2026-104850, CVE-2025-66414, CVE-2025-68664, GO-2026-5346, GO-2026-6874 parts with known faults are not used", async () => {
  expect(isAtLeast(await installed("@modelcontextprotocol/sdk"), "1.31.0")).toBe(true);
  expect(isAtLeast(await installed("@langchain/core"), "1.1.8")).toBe(true);
  expect(isAtLeast(CADDY_VERSION, "2.11.5")).toBe(true);
  expect(isAtLeast("1.25.3", "1.31.0")).toBe(false);
});
