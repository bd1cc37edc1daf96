/** Tests of the line that is typed without being seen. */
import { expect, test } from "bun:test";
import { TypedLine } from "./hidden-line.ts";

function type(keys: string): { text: string; outcome: string } {
  const line = new TypedLine();
  for (const key of keys) {
    const outcome = line.take(key);
    if (outcome !== "more") return { text: line.text, outcome };
  }
  return { text: line.text, outcome: "more" };
}

const CASES: [what: string, keys: string, text: string, outcome: string][] = [
  ["a line", "moon\r", "moon", "done"],
  ["a line of a pasted text", "moon\nsun\n", "moon", "done"],
  ["a correction", "moom\u007fn\r", "moon", "done"],
  ["a correction of a character that takes several units", "🌙\u0008x\r", "x", "done"],
  ["more corrections than characters", "\u007f\u007fmoon\r", "moon", "done"],
  ["starting anew", "sun\u0015moon\r", "moon", "done"],
  ["Ctrl-C", "moon\u0003", "moon", "cancelled"],
  ["Ctrl-D on an empty line", "\u0004", "", "cancelled"],
  ["Ctrl-D behind something", "moon\u0004", "moon", "done"],
  ["an unfinished line", "moon", "moon", "more"],
];
for (const [what, keys, text, outcome] of CASES) {
  test(`${what} is understood`, () => expect(type(keys)).toEqual({ text, outcome }));
}

test("more than a line is refused", () => {
  expect(() => type("x".repeat(5000))).toThrow("over 4096 bytes");
});
