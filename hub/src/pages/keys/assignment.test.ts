/** Tests of telling a pasted assignment from a name. */
import { expect, test } from "bun:test";
import { splitAssignment } from "./assignment.ts";

test.each([
  ["A_KEY=value", { name: "A_KEY", value: "value" }],
  ["export A_KEY = 'a value' ", { name: "A_KEY", value: "a value" }],
  ['a_key="x=y"', { name: "A_KEY", value: "x=y" }],
  ["A_KEY=", { name: "A_KEY", value: "" }],
  ["A_KEY=one\ntwo", { name: "A_KEY", value: "one\ntwo" }],
  ["A_KEY", undefined],
  ["sk-123==", undefined],
  ["", undefined],
])("%j", (text, halves) => {
  expect(splitAssignment(text)).toEqual(halves as never);
});
