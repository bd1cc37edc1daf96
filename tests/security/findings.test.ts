/** Checks that each known weakness has a test that names it, or waits for a part of Luna that is not there. */
import { expect, test } from "bun:test";
import { FINDINGS, WAITING } from "./findings.ts";

const TITLE = /\btest(?:\.each\([^)]*\))?\(\s*"([^"]+)"/g;

/** The titles of all security tests. */
async function titles(): Promise<string[]> {
  const found: string[] = [];
  for (const file of new Bun.Glob("*.test.ts").scanSync(import.meta.dir)) {
    const text = await Bun.file(`${import.meta.dir}/${file}`).text();
    for (const [, title = ""] of text.matchAll(TITLE)) found.push(title);
  }
  return found;
}

const names = (title: string, finding: string): boolean =>
  new RegExp(`(^|[ ,])${finding.replaceAll(".", "\\.")}(?=[ ,]|$)`).test(title);

test("every weakness has a test, or says which part of Luna it waits for", async () => {
  const tested = await titles();
  expect(tested.length).toBeGreaterThan(40);
  const waiting = new Set(WAITING.flatMap(({ findings }) => findings));
  const forgotten = FINDINGS.filter(
    (finding) => !waiting.has(finding) && !tested.some((title) => names(title, finding)),
  );
  expect(forgotten).toEqual([]);
});

test("what waits is no more than waiting, and known", async () => {
  const tested = await titles();
  const waiting = WAITING.flatMap(({ findings }) => findings);
  expect(waiting.filter((finding) => !FINDINGS.includes(finding))).toEqual([]);
  expect(waiting.filter((finding) => tested.some((title) => names(title, finding)))).toEqual([]);
  expect(new Set(waiting).size).toBe(waiting.length);
});

test("a weakness that nobody tests would be seen", () => {
  expect(names("S10 of another", "S1")).toBe(false);
  expect(names("S1, S2 of both", "S2")).toBe(true);
});
