/** Tests which parts of an extension a changed file belongs to. */
import { expect, test } from "bun:test";
import { changedFiles, partsOf } from "./changes.ts";

test.each([
  [["tools/a_tools.ts", "tools/store.ts"], ["tools"]],
  [
    ["ui/index.html", "services/api/server.ts"],
    ["services/api", "ui"],
  ],
  [["tests/a.test.ts", "README.md", "tsconfig.json"], []],
  [["config.json"], undefined],
  [["tools/a_tools.ts", "shared/date.ts"], undefined],
])("%p concerns %p", (files, parts) => {
  expect(partsOf(files)).toEqual(parts);
});

test("a file that came, went or changed is found", () => {
  const before = new Map(Object.entries({ a: "1", b: "1", c: "1" }));
  const after = new Map(Object.entries({ a: "1", b: "2", d: "1" }));
  expect(changedFiles(before, after)).toEqual(["b", "c", "d"]);
  expect(changedFiles(after, after)).toEqual([]);
});
