/** Looks that are shared within one turn of the event loop, and never longer. */
import { expect, test } from "bun:test";
import { onceATurn } from "./once-a-turn.ts";

const nextTurn = () => new Promise((resolve) => setImmediate(resolve));

test("within a turn the same is looked up once, whatever is awaited meanwhile", async () => {
  let looks = 0;
  const look = onceATurn(async (_: string) => {
    looks += 1;
    return looks;
  });
  expect([await look("a"), await look("a")]).toEqual([1, 1]);
});

test("in the next turn, and for another argument, it is looked up again", async () => {
  let looks = 0;
  const look = onceATurn((argument: string) => {
    looks += 1;
    return `${argument}${looks}`;
  });
  expect([look("a"), look("b"), look("b")]).toEqual(["a1", "b2", "b2"]);
  await nextTurn();
  expect(look("b")).toBe("b3");
});

test("what fails is looked up again", () => {
  let looks = 0;
  const look = onceATurn((_: string) => {
    looks += 1;
    if (looks === 1) throw new Error("not yet");
    return looks;
  });
  expect(() => look("a")).toThrow("not yet");
  expect(look("a")).toBe(2);
});
