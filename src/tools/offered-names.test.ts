/** Tests of the names of tools that another extension's tool has already. */
import { expect, test } from "bun:test";
import fc from "fast-check";
import { ToolName } from "../contract/names.ts";
import { freeName, namespacedName } from "./offered-names.ts";

const NONE = new Set<string>();

test("the extension's name comes in front", () => {
  expect(freeName("notes", "GET_all", NONE)).toBe("notes__GET_all");
});

test("long names are cut, and stay apart where they begin alike", () => {
  const long = "TOOL_".repeat(12);
  const names = ["a", "b", "c"].map((end) => freeName("my-long-extension", `${long}${end}`, NONE));
  expect(new Set(names).size).toBe(3);
  for (const name of names) expect(name).toStartWith("my-long-extension__TOOL_");
});

test("a name that is taken is not given", () => {
  const first = namespacedName("notes", "A");
  const second = freeName("notes", "A", new Set([first]));
  const third = freeName("notes", "A", new Set([first, second]));
  expect(new Set([first, second, third]).size).toBe(3);
  expect(freeName("notes", "A", new Set([first]))).toBe(second);
});

test("whatever the names, what is offered is a tool's name", () => {
  const extension = fc.stringMatching(/^[a-z0-9][a-z0-9_-]{0,63}$/);
  const tool = fc.stringMatching(/^[A-Za-z0-9_-]{1,64}$/);
  fc.assert(
    fc.property(extension, tool, fc.nat(3), (one, other, attempt) => {
      expect(ToolName.safeParse(namespacedName(one, other, attempt)).success).toBe(true);
    }),
  );
});
