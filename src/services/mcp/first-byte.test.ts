/** A stream that begins at once says when it is over, however it ends. */
import { expect, test } from "bun:test";
import { beginsAtOnce } from "./first-byte.ts";

function opened(source: UnderlyingDefaultSource<Uint8Array> | null) {
  const ends: string[] = [];
  const body = source === null ? null : new ReadableStream(source);
  const answer = beginsAtOnce(new Response(body), () => ends.push("end"));
  return { answer, ends };
}

test("its head comes before its first event, and its end is told", async () => {
  let source: ReadableStreamDefaultController<Uint8Array> | undefined;
  const { answer, ends } = opened({
    start: (controller) => {
      source = controller;
    },
  });
  const reader = answer.body?.getReader();
  expect(new TextDecoder().decode((await reader?.read())?.value)).toBe(": open\n\n");
  expect(ends).toEqual([]);
  source?.close();
  expect((await reader?.read())?.done).toBe(true);
  expect(ends).toEqual(["end"]);
});

test("so is its breaking, its being broken off, and that there was none", async () => {
  const broken = opened({ pull: (controller) => controller.error(new Error("broken")) });
  await expect(broken.answer.text()).rejects.toThrow("broken");
  const left = opened({});
  await left.answer.body?.cancel();
  const none = opened(null);
  expect([broken.ends, left.ends, none.ends]).toEqual([["end"], ["end"], ["end"]]);
});
