/** The tools of "sample", called as their host calls them; run with `.luna/bin/bun test` in the extension's folder. */
import { expect, test } from "bun:test";
import { callTool, testContext } from "luna/test";
import { TOOLS } from "../tools/sample_tools.ts";

test("a greeting has the name, and the words that were set", async () => {
  const context = testContext();
  const greet = () => callTool(TOOLS, "SAMPLE_GET_greeting", { name: " Ada " }, context);
  expect(await greet()).toEqual({ success: true, payload: { greeting: "Hello, Ada!" } });
  const set = await callTool(TOOLS, "SAMPLE_UPDATE_phrase", { phrase: "Good morning" }, context);
  expect(set.success).toBe(true);
  expect(await greet()).toEqual({ success: true, payload: { greeting: "Good morning, Ada!" } });
});

test("what cannot be is a failure that says why", async () => {
  const nobody = await callTool(TOOLS, "SAMPLE_GET_greeting", { name: "" });
  expect(nobody.success).toBe(false);
  const empty = await callTool(TOOLS, "SAMPLE_UPDATE_phrase", { phrase: " " });
  expect(empty).toEqual({ success: false, payload: expect.stringContaining("empty phrase") });
});
