/** Whose client is asked what an MCP server asks. */
import { beforeEach, expect, test } from "bun:test";
import type { ToolContext } from "../../extensions/context.ts";
import { UpstreamQuestions } from "./upstream-questions.ts";

const FORM = { message: "Your name?", requestedSchema: { type: "object" } };
const PAGE = { mode: "url", message: "Sign in", url: "https://a.example/x", elicitationId: "1" };

/** A call whose client fills in its own name, and goes to every page. */
function callOf(name: string, pages: string[] = []): ToolContext {
  const context: Partial<ToolContext> = {
    elicit: (async () => ({ action: "accept", content: { name } })) as ToolContext["elicit"],
    elicit_url: async ({ url }) => {
      pages.push(url);
      return { action: "accept", content: undefined };
    },
  };
  return context as ToolContext;
}

let warnings: string[];
let questions: UpstreamQuestions;
beforeEach(() => {
  warnings = [];
  const warn = (_: string, facts?: object) => void warnings.push(JSON.stringify(facts));
  questions = new UpstreamQuestions("far", { debug() {}, info() {}, warn, error() {} });
});

const named = (name: string) => ({ action: "accept" as const, content: { name } });
const nextTurn = () => new Promise<void>((resolve) => setImmediate(resolve));

test("of calls under way at once, each one's client is asked what comes in its own exchange", async () => {
  const asked = async () => {
    await nextTurn();
    return questions.ask(FORM);
  };
  const answers = ["Ada", "Bob", "Cleo"].map((name) => questions.during(callOf(name), asked));
  expect(await Promise.all(answers)).toEqual(["Ada", "Bob", "Cleo"].map(named));
});

test("what comes outside of every exchange is of the only call there is, and else of nobody", async () => {
  const waiting = Promise.withResolvers<void>();
  const wait = () => waiting.promise;
  const first = questions.during(callOf("Ada"), wait);
  expect(await questions.ask(FORM)).toEqual(named("Ada"));
  const asked = Promise.withResolvers<unknown>();
  const second = questions.during(callOf("Bob"), () => {
    // A connection that is shared is of no call, whoever began it.
    questions.apart(() => nextTurn().then(() => questions.ask(FORM).then(asked.resolve)));
    return wait();
  });
  expect(await asked.promise).toEqual({ action: "cancel" });
  expect(warnings.join()).toContain("does not say which one asks");
  waiting.resolve();
  await Promise.all([first, second]);
  expect(await questions.ask(FORM)).toEqual({ action: "cancel" });
});

test("a page is gone to, and what is neither a form nor a page is asked of nobody", async () => {
  const pages: string[] = [];
  const call = callOf("Ada", pages);
  const ask = (params: unknown) => questions.during(call, () => questions.ask(params));
  expect(await ask(PAGE)).toEqual({ action: "accept" });
  expect(await ask({ ...PAGE, url: "javascript:alert(1)" })).toEqual({ action: "cancel" });
  expect(await ask({ message: "?" })).toEqual({ action: "cancel" });
  expect(warnings.join()).toContain("neither a form nor a page");
  const next = { message: "And here", url: "https://b.example/" };
  expect(await questions.sendTo([PAGE, next], call)).toBe(true);
  expect(await questions.sendTo([{ message: "", url: "file:///etc" }], call)).toBe(false);
  expect(await questions.sendTo([], call)).toBe(false);
  expect(pages).toEqual([PAGE.url, PAGE.url, next.url]);
});
