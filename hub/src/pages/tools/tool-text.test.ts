/** Which tools a filter leaves, and what is said of each. */
import { expect, test } from "bun:test";
import { firstLine, matchesFilter } from "./tool-text.ts";

const TOOL = { name: "NOTES_CREATE_note", description: "Save a note.\nMore.", extension: "notes" };

test.each([
  ["", true],
  ["  ", true],
  ["create", true],
  ["save notes", true],
  ["NOTES more", true],
  ["delete", false],
  ["save delete", false],
])("the filter %p leaves it: %p", (filter, isLeft) => {
  expect(matchesFilter(TOOL, filter)).toBe(isLeft);
});

test("a list shows the first line", () => {
  expect(firstLine("\n  Save a note.\nMore.")).toBe("Save a note.");
  expect(firstLine("")).toBe("");
});
