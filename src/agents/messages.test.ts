/** What the agents make of messages. */
import { expect, test } from "bun:test";
import { agentMessages, hasUserText, parseArguments, RequestMessage } from "./messages.ts";

test.each([
  ["", { arguments: {} }],
  [' {"a": 1} ', { arguments: { a: 1 } }],
  ['{"a":', { arguments: {}, fault: "the arguments are not valid JSON" }],
  ["[1]", { arguments: {}, fault: "the arguments are not a JSON object" }],
  ["null", { arguments: {}, fault: "the arguments are not a JSON object" }],
])("arguments %p", (text, expected) => {
  expect(parseArguments(text)).toEqual(expected);
});

test("images pass through; parts that nobody can hand on are refused", () => {
  const image = { type: "image_url", image_url: { url: "data:image/png;base64,AA" } };
  const message = RequestMessage.parse({ role: "user", content: [image] });
  expect(agentMessages([message])).toEqual([message as never]);
  const audio = { type: "input_audio", input_audio: { data: "", format: "wav" } };
  expect(RequestMessage.safeParse({ role: "user", content: [audio] }).success).toBe(false);
});

test.each([
  ["a blank text", " ", false],
  ["blank parts", [{ type: "text" as const, text: "\n" }], false],
  ["a text", "hi", true],
  ["an image", [{ type: "image_url" as const, image_url: { url: "x" } }], true],
])("%s of a user", (_, content, expected) => {
  expect(hasUserText([{ role: "user", content }])).toBe(expected);
  expect(hasUserText([{ role: "system", content: "rules" }])).toBe(false);
});
