/** The cases of JSON Schema that tools have: what the form begins with, and what it means. */
import { describe, expect, test } from "bun:test";
import { type Draft, initialDraft, readDraft, readVariant, Unreadable } from "./draft.ts";
import { fieldOf, typeWord } from "./field.ts";

const begin = (schema: unknown): Draft => initialDraft(fieldOf(schema), true);
const read = (schema: unknown, draft: Draft) =>
  readDraft({ field: fieldOf(schema), draft, required: true, path: "" });
const faultsOf = (schema: unknown, draft: Draft) =>
  read(schema, draft).faults.map(({ path, message }) => `${path} ${message}`);

const NOTE = {
  type: "object",
  properties: {
    title: { type: "string", minLength: 1, maxLength: 5 },
    body: { type: "string", default: "empty" },
    stars: { type: "integer", minimum: 0, maximum: 5 },
    weight: { type: "number", exclusiveMinimum: 0 },
    done: { type: "boolean" },
    color: { enum: ["red", "blue"] },
    tags: { type: "array", items: { type: "string" }, maxItems: 2 },
    due: { anyOf: [{ type: "string", format: "date" }, { type: "null" }] },
  },
  required: ["title", "done", "due"],
  additionalProperties: false,
};

describe("a form begins with", () => {
  test("defaults, and as little as the required fields need", () => {
    expect(begin(NOTE)).toEqual({ body: "empty", done: false, due: null });
  });

  test("the only value of a constant, and nothing of a choice", () => {
    expect(begin({ const: "note" })).toBe("note");
    expect(begin({ enum: ["a"] })).toBe("a");
    expect(begin({ enum: ["a", "b"] })).toBeUndefined();
  });

  test("nested required objects, and no optional ones", () => {
    const inner = { type: "object", properties: { x: { const: 1 } }, required: ["x"] };
    const schema = { type: "object", properties: { a: inner, b: inner }, required: ["a"] };
    expect(begin(schema)).toEqual({ a: { x: 1 } });
  });

  test("the first variant of a union", () => {
    const schema = {
      oneOf: [
        { type: "object", properties: { kind: { const: "url" } }, required: ["kind"] },
        { type: "string" },
      ],
    };
    expect(begin(schema)).toEqual({ kind: "url" });
  });

  test("a bound when a required object requires itself", () => {
    const schema = { type: "object", properties: { next: { $ref: "#" } }, required: ["next"] };
    expect(JSON.stringify(begin(schema)).length).toBeLessThan(200);
  });
});

describe("a draft means", () => {
  test("its value when everything is there", () => {
    const draft = { title: "Milk", done: true, due: null, stars: 3, tags: ["a"], color: "red" };
    expect(read(NOTE, draft)).toEqual({ value: draft, faults: [] });
  });

  test("nothing for what was left out", () => {
    const draft = { title: "Milk", done: true, due: null, stars: undefined };
    expect(Object.keys(Object(read(NOTE, draft).value))).toEqual(["title", "done", "due"]);
  });

  test("each fault at its field", () => {
    const draft = {
      title: "Too long",
      done: "yes",
      stars: 2.5,
      weight: 0,
      color: "green",
      tags: ["a", 1],
      due: 7,
    };
    expect(faultsOf(NOTE, draft)).toEqual([
      "/title This must have at most 5 characters, it has 8.",
      "/stars This must be a whole number.",
      "/weight This must be above 0.",
      "/done This must be yes or no.",
      "/color This must be red or blue.",
      "/tags/1 This must be text.",
      "/due This must be text.",
    ]);
  });

  test("required fields are asked for", () => {
    expect(faultsOf(NOTE, {})).toEqual([
      "/title This is needed.",
      "/done This is needed.",
      "/due This is needed.",
    ]);
    expect(faultsOf({ type: "array", items: { type: "string" } }, ["a", undefined])).toEqual([
      "/1 This is needed.",
    ]);
  });

  test("an empty text is a text, when the JSON says so", () => {
    expect(read({ type: "string" }, "")).toEqual({ value: "", faults: [] });
    expect(faultsOf({ type: "string", minLength: 1 }, "")).toEqual([
      " This must have at least 1 character.",
    ]);
  });

  test("limits of numbers, lists and patterns", () => {
    expect(faultsOf({ type: "number", minimum: 1 }, 0)).toEqual([" This must be at least 1."]);
    expect(faultsOf({ type: "number", maximum: 1 }, 2)).toEqual([" This must be at most 1."]);
    expect(faultsOf({ type: "number", exclusiveMaximum: 1 }, 1)).toEqual([
      " This must be below 1.",
    ]);
    expect(faultsOf({ type: "array", items: {}, minItems: 1 }, [])).toEqual([
      " This must have at least 1 item.",
    ]);
    expect(faultsOf({ type: "string", pattern: "^a+$" }, "b")).toEqual([" This must match ^a+$."]);
    expect(faultsOf({ type: "string", pattern: "(" }, "b")).toEqual([]);
    expect(faultsOf({ type: "string", maxLength: 1 }, "\u{1F319}")).toEqual([]);
  });

  test("what cannot be read yet is a fault, never a value", () => {
    expect(faultsOf({ type: "integer" }, new Unreadable("1e"))).toEqual([
      " This must be a number.",
    ]);
    expect(faultsOf({}, new Unreadable("{"))).toEqual([" This is not valid JSON."]);
    const object = { type: "object", properties: { n: { type: "number" } } };
    expect(read(object, { n: new Unreadable("-") })).toEqual({
      value: {},
      faults: [{ path: "/n", message: "This must be a number." }],
    });
  });

  test("properties that the schema does not name are kept", () => {
    const schema = { type: "object", properties: { a: { type: "string" } } };
    expect(read(schema, { a: "x", extra: [1] }).value).toEqual({ a: "x", extra: [1] });
  });

  test("names with a slash keep their own path", () => {
    const schema = { type: "object", properties: { "a/b": { type: "string" } }, required: ["a/b"] };
    expect(faultsOf(schema, {})).toEqual(["/a~1b This is needed."]);
  });
});

describe("null", () => {
  const spellings = [
    { type: ["string", "null"] },
    { anyOf: [{ type: "string" }, { type: "null" }] },
    { oneOf: [{ const: null }, { type: "string" }] },
    { type: "string", nullable: true },
    { type: ["string", "null"], enum: ["a", "b", null] },
  ];
  test.each(spellings)("is taken by %j", (schema) => {
    expect(fieldOf(schema).isNullable).toBe(true);
    expect(read(schema, null)).toEqual({ value: null, faults: [] });
    expect(read(schema, "a").faults).toEqual([]);
    expect(read(schema, 7).faults).toHaveLength(1);
  });

  test("is refused elsewhere", () => {
    expect(faultsOf({ type: "string" }, null)).toEqual([" This must be text."]);
    expect(faultsOf({ type: "object", properties: {} }, null)).toEqual([
      " This must be an object.",
    ]);
  });
});

describe("a union", () => {
  const UNION = {
    oneOf: [
      {
        title: "By id",
        type: "object",
        properties: { by: { const: "id" }, id: { type: "integer" } },
        required: ["by", "id"],
      },
      {
        type: "object",
        properties: { by: { const: "text" }, text: { type: "string" } },
        required: ["by", "text"],
      },
      { type: "string" },
    ],
  };
  const shape = fieldOf(UNION).shape;
  if (shape.kind !== "union") throw new Error("Not a union");

  test("names its variants by title, by discriminator, by type", () => {
    expect(shape.variants.map(({ label }) => label)).toEqual(["By id", "text", "string"]);
  });

  test.each([
    [{ by: "id", id: 1 }, 0],
    [{ by: "text", text: "x" }, 1],
    [{ by: "text" }, 1],
    ["x", 2],
  ])("takes %j for variant %d", (draft, index) => {
    expect(readVariant(shape, draft, "").index).toBe(index);
  });

  test("tells the faults of the nearest variant", () => {
    expect(faultsOf(UNION, { by: "text" })).toEqual(["/text This is needed."]);
  });

  test("of constants is a choice, of one variant is that variant", () => {
    expect(fieldOf({ anyOf: [{ const: 1 }, { const: 2 }] }).shape).toEqual({
      kind: "choice",
      options: [1, 2],
    });
    expect(fieldOf({ anyOf: [{ type: "boolean" }] }).shape.kind).toBe("boolean");
  });

  test("of types is one as well", () => {
    const schema = { type: ["string", "integer"] };
    expect(read(schema, 3).value).toBe(3);
    expect(read(schema, "x").value).toBe("x");
    expect(read(schema, true).faults).toHaveLength(1);
  });
});

describe("references", () => {
  const TREE = {
    type: "object",
    properties: { name: { type: "string" }, children: { type: "array", items: { $ref: "#" } } },
    required: ["name"],
  };

  test("lead to definitions, and to the schema itself", () => {
    const schema = {
      $defs: { id: { type: "integer", minimum: 1 } },
      type: "object",
      properties: { id: { $ref: "#/$defs/id", description: "Which one" } },
    };
    expect(faultsOf(schema, { id: 0 })).toEqual(["/id This must be at least 1."]);
    expect(faultsOf(TREE, { name: "a", children: [{ name: "b", children: [{}] }] })).toEqual([
      "/children/0/children/0/name This is needed.",
    ]);
  });

  test("that lead nowhere or in circles are written as JSON", () => {
    expect(fieldOf({ $ref: "#/$defs/none" }).shape.kind).toBe("json");
    expect(fieldOf({ $ref: "https://example.com/schema" }).shape.kind).toBe("json");
    const circle = { $defs: { a: { $ref: "#/$defs/a" } } };
    expect(fieldOf({ $ref: "#/$defs/a" }, circle).shape.kind).toBe("json");
  });

  test("of allOf are merged", () => {
    const schema = {
      allOf: [
        { type: "object", properties: { a: { type: "string" } }, required: ["a"] },
        { properties: { b: { type: "string" } }, required: ["b"] },
      ],
    };
    expect(faultsOf(schema, {})).toEqual(["/a This is needed.", "/b This is needed."]);
  });
});

test.each([
  [{ type: "integer" }, "whole number"],
  [{ type: "object", additionalProperties: { type: "string" } }, "JSON"],
  [{ type: "array", prefixItems: [{ type: "string" }] }, "JSON"],
  [{ type: "object", additionalProperties: false }, "object"],
  [true, "JSON"],
  [{}, "JSON"],
])("%j is shown as %s", (schema, word) => {
  expect(typeWord(fieldOf(schema))).toBe(word);
});
