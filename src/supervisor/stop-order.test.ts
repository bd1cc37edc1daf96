/** Tests of the order in which everything is stopped. */
import { expect, test } from "bun:test";
import { ProcessKind } from "../contract/process.ts";
import { stopSteps } from "./stop-order.ts";

const same = (kind: ProcessKind): ProcessKind => kind;

test("the way in goes first, extensions before the core, tool hosts last", () => {
  const all: ProcessKind[] = ["core", "caddy", "core", "tool-host", "service", "ui"];
  expect(stopSteps(all, same)).toEqual([
    ["caddy"],
    ["service", "ui"],
    ["core", "core"],
    ["tool-host"],
  ]);
});

test("no kind is forgotten, and none is stopped twice", () => {
  const kinds = [...ProcessKind.options];
  expect(stopSteps(kinds, same).flat().sort()).toEqual(kinds.sort());
});

test("with nothing to stop there is nothing in any step", () => {
  expect(stopSteps([], same).flat()).toEqual([]);
});
