/** What the model is told before the conversation. */
import { expect, test } from "bun:test";
import { briefingOf, openingMessages } from "./prompt.ts";
import type { ToolSet } from "./tool-source.ts";

const SET: ToolSet = {
  tools: [
    { name: "a", description: "Does a.", input_schema: { type: "object" }, extension: "notes" },
  ],
  system_prompts: [
    { extension: "notes", text: "Keep notes.\n" },
    { extension: "silent", text: " " },
  ],
};

test("extensions speak under their own names, and the briefing is made once", () => {
  const briefing = briefingOf(SET);
  expect(briefing.system_prompt).toStartWith(
    "Domain system prompts:\n\n[Domain: notes]\nKeep notes.\n\nYou are a helpful assistant",
  );
  expect(briefing.system_prompt).not.toContain("silent");
  expect(briefingOf(SET)).toBe(briefing);
});

test("without tools there is nothing to say", () => {
  expect(briefingOf({ tools: [], system_prompts: SET.system_prompts }).system_prompt).toBe("");
  const conversation = [{ role: "user" as const, content: "hi" }];
  expect(openingMessages({ systemPrompt: "", memory: "", conversation })).toEqual(conversation);
});

test("everything a system message says is in one, in front", () => {
  const messages = openingMessages({
    systemPrompt: "Luna.",
    memory: "1. likes tea",
    conversation: [
      { role: "system", content: "Be brief." },
      { role: "system", content: "Be kind." },
      { role: "user", content: "hi" },
      { role: "system", content: "Later rule." },
    ],
  });
  expect(messages).toEqual([
    {
      role: "system",
      content:
        "Luna.\n\nBe brief.\n\nBe kind.\n\nMemory (what is known from earlier conversations):\n1. likes tea",
    },
    { role: "user", content: "hi" },
    { role: "system", content: "Later rule." },
  ]);
});
