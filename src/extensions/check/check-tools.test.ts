/** Tests what is said of tools that a model could not choose or call well, and what they cost. */
import { expect, test } from "bun:test";
import type { ToolDescription } from "../../contract/tool.ts";
import { checkTools, reads } from "./check-tools.ts";
import { signatureOf, tokensOf } from "./tool-cost.ts";

const WELL: ToolDescription = {
  name: "NOTES_GET_all",
  description: "Lists the user's notes, the one changed last first.",
  input_schema: {
    type: "object",
    properties: {
      query: { type: "string", description: "Words to look for" },
      limit: { type: "integer", default: 20, description: "At most so many" },
    },
    required: ["query"],
  },
  annotations: { readOnlyHint: true },
  example: { prompt: "What did I note?", args: { query: "x" }, response: [] },
};

test("a tool that says all there is to say has no findings", () => {
  expect(checkTools([WELL])).toEqual([]);
});

const { example: _, ...withoutExample } = WELL;
test.each([
  [{ ...WELL, name: "getNotes" }, "DOMAIN_GET_"],
  [{ ...WELL, name: "NOTES_DELETE_all" }, "DOMAIN_GET_"],
  [{ ...WELL, annotations: {} }, "readOnlyHint: true"],
  [{ ...WELL, name: "NOTES_UPDATE_all" }, "says that it only reads"],
  [{ ...WELL, description: "Notes." }, "too short"],
  [{ ...WELL, description: "x".repeat(1_025) }, "clients cut it"],
  [withoutExample, "no example"],
  [
    { ...WELL, input_schema: { type: "object" as const, properties: { id: { type: "string" } } } },
    "arguments id have no description",
  ],
])("%j is told what is missing", (tool, text) => {
  const findings = checkTools([tool]);
  expect(findings).toHaveLength(1);
  expect(findings[0]?.message).toContain(text);
  expect(findings[0]).toMatchObject({ severity: "warning", field: tool.name });
});

test("only what reads runs by itself: by its word, and by its name where it says nothing", () => {
  expect(reads(WELL)).toBe(true);
  expect(reads({ ...WELL, annotations: {} })).toBe(true);
  expect(reads({ ...WELL, annotations: { readOnlyHint: false } })).toBe(false);
  expect(reads({ ...WELL, name: "NOTES_UPDATE_all", annotations: {} })).toBe(false);
  expect(reads({ ...WELL, name: "whatever", annotations: {} })).toBe(false);
});

test("a schema is a line, and costs what a model reads of it", () => {
  expect(signatureOf(WELL.input_schema)).toBe("query: string, limit?: integer = 20");
  const schema = {
    type: "object" as const,
    properties: {
      tags: { type: "array", items: { type: "string" } },
      kind: { enum: ["a", "b"] },
      when: { anyOf: [{ type: "string" }, { type: "null" }] },
    },
  };
  expect(signatureOf(schema)).toBe('tags?: string[], kind?: "a" | "b", when?: string | null');
  // 87 by OpenAI's o200k.
  expect(tokensOf(WELL)).toBeWithin(70, 110);
});
