/** Tests of JSON Merge Patch, with the examples of RFC 7396's appendix, and of revisions. */
import { expect, test } from "bun:test";
import { mergePatch } from "./merge-patch.ts";
import { matchesRevision, revisionOf } from "./revision.ts";

test.each([
  [{ a: "b" }, { a: "c" }, { a: "c" }],
  [{ a: "b" }, { b: "c" }, { a: "b", b: "c" }],
  [{ a: "b" }, { a: null }, {}],
  [{ a: "b", b: "c" }, { a: null }, { b: "c" }],
  [{ a: ["b"] }, { a: "c" }, { a: "c" }],
  [{ a: "c" }, { a: ["b"] }, { a: ["b"] }],
  [{ a: { b: "c" } }, { a: { b: "d", c: null } }, { a: { b: "d" } }],
  [{ a: [{ b: "c" }] }, { a: [1] }, { a: [1] }],
  [
    ["a", "b"],
    ["c", "d"],
    ["c", "d"],
  ],
  [{ a: "b" }, ["c"], ["c"]],
  [{ a: "foo" }, null, null],
  [{ a: "foo" }, "bar", "bar"],
  [{ e: null }, { a: 1 }, { e: null, a: 1 }],
  [[1, 2], { a: "b", c: null }, { a: "b" }],
  [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
])("%j changed by %j is %j", (target, patch, result) => {
  const before = structuredClone(target);
  expect(mergePatch(target, patch)).toEqual(result);
  expect(target).toEqual(before);
});

test("no patch reaches what every object inherits", () => {
  const patch: unknown = JSON.parse(
    '{"__proto__":{"polluted":1},"constructor":{"prototype":{"x":1}}}',
  );
  mergePatch({}, patch);
  expect(Object.hasOwn(Object.prototype, "polluted")).toBe(false);
  expect(Object.hasOwn(Object.prototype, "x")).toBe(false);
});

test("a revision is of the content, and If-Match takes it, several of them, or any", () => {
  const revision = revisionOf({ a: 1, b: [2] });
  expect(revision).toMatch(/^[0-9a-f]{32}$/);
  expect(revisionOf(JSON.parse('{ "a": 1,\n "b": [ 2 ] }'))).toBe(revision);
  expect(revisionOf({ a: 1, b: [3] })).not.toBe(revision);
  expect(matchesRevision(`"${revision}"`, revision)).toBe(true);
  expect(matchesRevision(`"x", "${revision}"`, revision)).toBe(true);
  expect(matchesRevision("*", revision)).toBe(true);
  for (const other of ["", `W/"${revision}"`, revision, '"x"', `"${revision}`]) {
    expect(matchesRevision(other, revision)).toBe(false);
  }
});
