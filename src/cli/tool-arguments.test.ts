/** Tests that a tool's arguments get the types of its schema, and that no refusal repeats a value. */
import { expect, test } from "bun:test";
import { argumentsIn, readJsonObject } from "./tool-arguments.ts";

const SCHEMA = {
  type: "object" as const,
  properties: {
    title: { type: "string" },
    limit: { type: "integer" },
    is_new: { type: "boolean" },
    tags: { type: "array" },
    either: { anyOf: [{ type: "string" }, { type: "number" }] },
  },
};

test("values get the type that the schema says", () => {
  const words = ["title=12=3", "limit=5", "is_new=false", 'tags=["a"]', "either=7"];
  expect(argumentsIn(words, SCHEMA)).toEqual({
    ...{ title: "12=3", limit: 5, is_new: false, tags: ["a"], either: 7 },
  });
  expect(argumentsIn(["either=seven"], SCHEMA)).toEqual({ either: "seven" });
  expect(argumentsIn(["x=1"], { type: "object", additionalProperties: true })).toEqual({ x: 1 });
});

test("an argument called as what every object has is one like any other", () => {
  expect(() => argumentsIn(["constructor=hunter2"], SCHEMA)).toThrow('no "constructor"');
  const open = { type: "object" as const, additionalProperties: { type: "string" } };
  expect(Object.keys(argumentsIn(["__proto__=x"], open))).toEqual(["__proto__"]);
});

test.each([
  ["limit=hunter2", '"limit" should be a number'],
  ["limit=", '"limit" should be a number'],
  ["is_new=hunter2", '"is_new" should be true or false'],
  ["tags=hunter2", '"tags" should be JSON of the type array'],
  ["titel=hunter2", 'Did you mean "title"?'],
  ["hunter2", "name=value"],
])("%s is refused without its value", (word, why) => {
  const read = () => argumentsIn([word], SCHEMA);
  expect(read).toThrow(why);
  expect(read).not.toThrow("hunter2");
});

test("JSON has to be an object, and is not repeated", () => {
  expect(readJsonObject('{"a": 1}')).toEqual({ a: 1 });
  for (const text of ["[1]", "hunter2", "1"]) {
    expect(() => readJsonObject(text)).toThrow("a JSON object");
    expect(() => readJsonObject(text)).not.toThrow("hunter2");
  }
});
