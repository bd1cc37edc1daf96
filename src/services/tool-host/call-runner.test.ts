/** Calls that tell and ask on their way, run as a tool host runs them. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { until } from "../../../tests/support/until.ts";
import { ToolHostSettings } from "../../contract/config.ts";
import { HostCall, HostEnd, HostQuestions } from "../../contract/tool-call.ts";
import { loadTools } from "../../extensions/load-tools.ts";
import { type Caller, CallRunner } from "./call-runner.ts";

const SOURCE = `
import { content, defineTool, definePrompt, defineResource, defineResourceTemplate, image, text, z } from "luna";
const input = z.object({});
const tool = (name, run, more = {}) => defineTool({ name, description: name, input, run, ...more });
const form = z.object({ name: z.string().min(2) });
export const TOOLS = [
  tool("plain", () => "plain"),
  tool("tells", async (_, context) => {
    context.progress(1, { total: 2, message: "half" });
    context.tell("info", "heard");
    context.tell("debug", "not wanted");
    context.changed("tools");
    return "told";
  }),
  tool("asks", async (_, context) => {
    const answer = await context.elicit({ key: "who", message: "Who?", schema: form });
    return answer.action === "accept" ? "Hello " + answer.content.name : answer.action;
  }),
  tool("asks_twice", async (_, context) => {
    const one = await context.elicit({ message: "1", schema: { type: "object", required: ["a"] } });
    context.progress(1);
    const two = await context.sample({ prompt: "2", max_tokens: 5 });
    return [one.content, two.text];
  }),
  tool("asks_all", async (_, context) => {
    const [who, said, roots] = await Promise.all([
      context.elicit({ key: "who", message: "Who?", schema: { type: "object" } }),
      context.sample({ key: "say", prompt: "Hi", max_tokens: 5 }),
      context.roots({ key: "roots" }),
    ]);
    return [who.content, said.text, roots];
  }),
  tool("goes_on", (_, context) => { void context.roots().catch(() => {}); return "early"; }),
  tool("minds", async (_, context) => {
    try { await context.roots(); } catch (error) { globalThis.minded = [error.name, context.signal.aborted]; }
  }, { timeout_ms: 200 }),
  tool("late", async (_, context) => { await context.roots(); await Bun.sleep(150); return "done"; }, { timeout_ms: 250 }),
  tool("waits", (_, { signal }) => new Promise((done) => signal.addEventListener("abort", () => done("left")))),
  tool("asks_and_waits", async (_, context) => {
    await context.roots();
    return new Promise((done) => context.signal.addEventListener("abort", () => done("left")));
  }),
  tool("rich", () => content([text("see"), image(new Uint8Array([1, 2]), "image/png")], { n: 1 }),
    { output: z.object({ n: z.number() }) }),
  tool("pair", () => [false, content([text("no")])]),
  tool("unfit", () => ({ n: "x" }), { output: z.object({ n: z.number() }) }),
  tool("raw", (args) => args.zip, { input: {
    type: "object", properties: { zip: { type: "string", pattern: "^[0-9]+$", "x-mcp-header": "Zip" } }, required: ["zip"],
  } }),
  tool("bad_block", () => content([{ type: "hologram" }])),
];
export const RESOURCES = [
  defineResource({ uri: "test://text", name: "text", mime_type: "text/plain", read: () => "words" }),
  defineResource({ uri: "test://bytes", name: "bytes", read: async () => new Uint8Array([1, 2, 3]) }),
  defineResourceTemplate({ uri_template: "test://note/{id}", name: "note",
    complete: { id: (value) => ["1", "12", "2"].filter((id) => id.startsWith(value)) },
    read: ({ id }, context, uri) => (id === "0" ? undefined : [{ uri, text: "note " + id }]) }),
];
export const PROMPTS = [
  definePrompt({ name: "greet", description: "Greets", input: z.object({ who: z.string().describe("Name"), tone: z.string().optional() }),
    complete: { tone: () => ["warm"] }, run: ({ who }) => "Greet " + who }),
];
`;

let folder: string;
let runner: CallRunner;
let quiet: number;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "luna-runner-"));
  mkdirSync(join(folder, "tools"));
  writeFileSync(join(folder, "tools/a_tools.ts"), SOURCE);
  const loaded = await loadTools(folder);
  expect(loaded.problems).toEqual([]);
  quiet = 0;
  runner = new CallRunner({
    extension: "talker",
    secrets: [],
    loaded,
    dataFolder: join(folder, "data"),
    settings: async () => ToolHostSettings.parse({ concurrency: 1 }),
    log: { debug() {}, info() {}, warn() {}, error() {} },
    onQuiet: () => {
      quiet += 1;
    },
    onWornOut() {},
  });
});
afterEach(() => rmSync(folder, { recursive: true }));

const ALL = {
  asks: ["elicitation", "sampling", "roots"],
  progress: true,
  log_level: "info",
} as const;
const never = new AbortController().signal;

interface Heard {
  events: unknown[];
  end: HostEnd;
}

/** What a caller hears in one exchange. */
async function heardIn(
  exchange: (caller: Caller) => Promise<string>,
  signal = never,
): Promise<Heard> {
  const events: unknown[] = [];
  const end = await exchange({ signal, hear: (json) => void events.push(JSON.parse(json)) });
  return { events, end: HostEnd.parse(JSON.parse(end)) };
}

async function call(name: string, more: object = { abilities: ALL }) {
  const request = HostCall.parse({ name, arguments: {}, ...more });
  return heardIn((caller) => runner.run(request, caller));
}

async function answer(call: string, answers: Record<string, unknown>, signal = never) {
  return heardIn((caller) => runner.answer({ call, answers }, caller), signal);
}

const questionsOf = (end: HostEnd): HostQuestions => HostQuestions.parse(end);
const accept = (content: object) => ({ action: "accept", content });
const SAID = { role: "assistant", content: { type: "text", text: "Paris" }, model: "m" };

test("what a call tells is heard before its end", async () => {
  expect(await call("plain")).toEqual({ events: [], end: { success: true, payload: "plain" } });
  const { events, end } = await call("tells");
  expect(events).toEqual([
    { event: "progress", progress: 1, total: 2, message: "half" },
    { event: "log", level: "info", data: "heard", logger: "talker" },
    { event: "changed", what: "tools" },
  ]);
  expect(end).toEqual({ success: true, payload: "told" });
  expect((await call("tells", {})).events).toEqual([{ event: "changed", what: "tools" }]);
});

test("a question ends the exchange, and the answer goes on with the same call", async () => {
  const asked = questionsOf((await call("asks")).end);
  expect(asked.questions["who"]).toEqual({
    method: "elicitation/create",
    params: {
      mode: "form",
      message: "Who?",
      requestedSchema: {
        type: "object",
        properties: { name: { type: "string", minLength: 2 } },
        required: ["name"],
      },
    },
  });
  // The slot is free meanwhile: there is only one.
  expect((await call("plain")).end).toEqual({ success: true, payload: "plain" });
  const again = questionsOf(
    (await answer(asked.call, { who: accept({ name: "x" }), other: 1 })).end,
  );
  expect(again.questions).toEqual(asked.questions);
  await expect(answer(asked.call, {})).rejects.toThrow("does not wait for answers any more");
  const { end } = await answer(again.call, { who: accept({ name: "Ada" }) });
  expect(end).toEqual({ success: true, payload: "Hello Ada" });
  await expect(answer(again.call, {})).rejects.toThrow("does not wait for answers any more");
  expect(runner.active).toBe(0);
  expect(quiet).toBeGreaterThan(0);
});

test("who declines is heard, and answers that come with the call are taken", async () => {
  const asked = questionsOf((await call("asks")).end);
  expect((await answer(asked.call, { who: { action: "decline" } })).end).toMatchObject({
    payload: "decline",
  });
  const known = { abilities: ALL, answers: { who: accept({ name: "Bob" }), extra: 7 } };
  expect((await call("asks", known)).end).toMatchObject({ payload: "Hello Bob" });
  const wrong = { abilities: ALL, answers: { who: 12_345 } };
  expect(questionsOf((await call("asks", wrong)).end).questions).toHaveProperty("who");
});

test("questions come in rounds, or together when they are asked together", async () => {
  const first = questionsOf((await call("asks_twice")).end);
  expect(Object.keys(first.questions)).toEqual(["question_1"]);
  const round = await answer(first.call, { question_1: accept({ a: 1 }) });
  expect(round.events).toEqual([{ event: "progress", progress: 1 }]);
  const second = questionsOf(round.end);
  expect(second.questions).toEqual({
    question_2: {
      method: "sampling/createMessage",
      params: { messages: [{ role: "user", content: { type: "text", text: "2" } }], maxTokens: 5 },
    },
  });
  expect((await answer(second.call, { question_2: SAID })).end).toMatchObject({
    payload: [{ a: 1 }, "Paris"],
  });

  const all = questionsOf((await call("asks_all")).end);
  expect(Object.keys(all.questions).sort()).toEqual(["roots", "say", "who"]);
  const some = questionsOf((await answer(all.call, { say: SAID })).end);
  expect(Object.keys(some.questions).sort()).toEqual(["roots", "who"]);
  const roots = { roots: [{ uri: "file:///a" }] };
  expect((await answer(some.call, { who: accept({}), roots })).end).toMatchObject({
    payload: [{}, "Paris", [{ uri: "file:///a" }]],
  });
});

test("what the client cannot be asked for is a failure that says so", async () => {
  const abilities = { ...ALL, asks: ["roots"] };
  expect((await call("asks", { abilities })).end).toEqual({
    success: false,
    payload:
      'Cannot run "asks": it has to ask its client to fill in a form, which this client cannot',
    needs: "elicitation",
  });
  expect((await call("asks", {})).end).toMatchObject({ needs: "elicitation" });
});

test("a call that does not wait for its answers ends, and one whose client went is told", async () => {
  expect((await call("goes_on")).end).toEqual({ success: true, payload: "early" });
  const asked = questionsOf((await call("minds")).end);
  runner.cancel(asked.call);
  expect(Reflect.get(globalThis, "minded")).toBeUndefined();
  await until(() => Reflect.get(globalThis, "minded") !== undefined);
  expect(Reflect.get(globalThis, "minded")).toEqual(["AbortError", true]);
  expect(runner.active).toBe(0);
});

test("a caller that went before its call was waited for is noticed", async () => {
  const left = { success: false, payload: expect.stringContaining("its caller went away") };
  const waits = HostCall.parse({ name: "waits", arguments: {} });
  const wait = (signal: AbortSignal) => heardIn((caller) => runner.run(waits, caller), signal);
  expect((await wait(AbortSignal.abort())).end).toMatchObject(left);
  const asked = questionsOf((await call("asks_and_waits")).end);
  const [other, caller] = [new AbortController(), new AbortController()];
  const running = wait(other.signal);
  await until(() => runner.active === 2);
  // It waits for its turn: the other one has the only slot.
  const answers = { question_1: { roots: [] } };
  const answering = answer(asked.call, answers, caller.signal);
  await Promise.resolve();
  caller.abort();
  other.abort();
  expect((await running).end).toMatchObject(left);
  expect((await answering).end).toMatchObject(left);
  expect(runner.active).toBe(0);
});

test("the time that the client takes does not count", async () => {
  const asked = questionsOf((await call("late")).end);
  const began = performance.now();
  await until(() => performance.now() - began > 300);
  expect((await answer(asked.call, { question_1: { roots: [] } })).end).toMatchObject({
    payload: "done",
  });
});

test("answers of blocks keep a text for those who read text", async () => {
  expect((await call("rich")).end).toEqual({
    success: true,
    payload: "see\n[image, image/png]",
    content: [
      { type: "text", text: "see" },
      { type: "image", data: "AQI=", mimeType: "image/png" },
    ],
    structured: { n: 1 },
  });
  expect((await call("pair")).end).toMatchObject({ success: false, payload: "no" });
  expect((await call("unfit")).end).toMatchObject({
    success: false,
    payload: expect.stringContaining("output schema"),
  });
  expect((await call("bad_block")).end).toMatchObject({ success: false });
});

test("a JSON Schema is kept as it is written, and arguments are checked against it", async () => {
  const { tools } = await loadTools(folder);
  expect(tools.find(({ name }) => name === "raw")?.input_schema).toEqual({
    type: "object",
    properties: { zip: { type: "string", pattern: "^[0-9]+$", "x-mcp-header": "Zip" } },
    required: ["zip"],
  });
  expect((await call("raw", { arguments: { zip: "12" } })).end).toMatchObject({ payload: "12" });
  expect((await call("raw", { arguments: { zip: "x" } })).end).toMatchObject({
    success: false,
    payload: expect.stringContaining("pattern"),
  });
});

test("resources are read, also by pattern; prompts are got; both have suggestions", async () => {
  const { resources, templates, prompts } = await loadTools(folder);
  expect(resources[0]).toEqual({ uri: "test://text", name: "text", mime_type: "text/plain" });
  expect(templates).toEqual([{ uri_template: "test://note/{id}", name: "note" }]);
  expect(prompts).toEqual([
    {
      name: "greet",
      description: "Greets",
      arguments: [
        { name: "who", description: "Name", required: true },
        { name: "tone", required: false },
      ],
    },
  ]);
  const get = async (kind: string, name: string, args = {}) =>
    (await call(name, { kind, arguments: args })).end;
  expect(await get("resource", "test://text")).toMatchObject({
    payload: { contents: [{ uri: "test://text", mimeType: "text/plain", text: "words" }] },
  });
  expect(await get("resource", "test://bytes")).toMatchObject({
    payload: { contents: [{ uri: "test://bytes", blob: "AQID" }] },
  });
  const note = (id: string) => ({ uri: `test://note/${id}`, variables: { id } });
  expect(await get("template", "test://note/{id}", note("7"))).toMatchObject({
    payload: { contents: [{ uri: "test://note/7", text: "note 7" }] },
  });
  expect(await get("template", "test://note/{id}", note("0"))).toEqual({
    success: true,
    payload: null,
  });
  expect(await get("prompt", "greet", { who: "Ada" })).toMatchObject({
    payload: { messages: [{ role: "user", content: { type: "text", text: "Greet Ada" } }] },
  });
  expect(await get("prompt", "greet")).toMatchObject({ success: false });
  const complete = (kind: "template" | "prompt", name: string, argument: string, value: string) =>
    runner.complete({ kind, name, argument, value, others: {} });
  expect(await complete("template", "test://note/{id}", "id", "1")).toEqual({
    values: ["1", "12"],
  });
  expect(await complete("prompt", "greet", "tone", "")).toEqual({ values: ["warm"] });
  expect(await complete("prompt", "greet", "who", "")).toEqual({ values: [] });
});
