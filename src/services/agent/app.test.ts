/** The agent API as its users see it: the real `openai` package over HTTP, with a stand-in for the model alone. */
import { afterAll, beforeEach, describe, expect, test } from "bun:test";
import OpenAI, { APIError } from "openai";
import type { ChatCompletionCreateParamsNonStreaming } from "openai/resources/chat/completions";
import { startKeys } from "../../../tests/support/api-keys.ts";
import { type Answer, gate, startLlmStandIn } from "../../../tests/support/llm-stand-in.ts";
import { until } from "../../../tests/support/until.ts";
import { langchainModel } from "../../agents/langchain-model.ts";
import { ModelEndpoints } from "../../agents/model-endpoint.ts";
import { Models } from "../../agents/models.ts";
import { Ollama } from "../../agents/ollama.ts";
import { simpleAgent } from "../../agents/simple-agent.ts";
import type { ToolSet } from "../../agents/tool-source.ts";
import type { ToolResult } from "../../contract/tool.ts";
import { NotFoundError } from "../../lib/errors.ts";
import { serve } from "../../lib/serve.ts";
import { createAgentApp } from "./app.ts";

const API_KEY = "sk-luna-test-key-of-the-agent";
const MODEL_KEY = "sk-model-key-that-must-not-leak";
/** For the tests that wait for it. */
const SHORT_LIMITS = { silenceMs: 100, wholeAnswerMs: 100 };

const EDGE_TOKEN = "the-token-of-the-edge-of-this-test";

const keys = await startKeys();
await keys.apiKeys.setAgentKey(API_KEY, 0);
const llm = startLlmStandIn();
const logged: string[] = [];
const note = (message: string, facts?: object): void => {
  logged.push(`${message} ${JSON.stringify(facts ?? {})}`);
};
const log = { debug: note, info: note, warn: note, error: note };

type Run = (args: Record<string, unknown>, signal?: AbortSignal) => Promise<ToolResult>;

const NO_TOOLS: ToolSet = { tools: [], system_prompts: [] };
let toolSet: ToolSet = NO_TOOLS;
let runs: Record<string, Run> = {};
const calls: { tool: string; arguments: Record<string, unknown> }[] = [];

function useTools(tools: Record<string, Run>, prompt = ""): void {
  runs = tools;
  toolSet = {
    tools: Object.keys(tools).map((name) => ({
      name,
      description: `Does ${name}.`,
      input_schema: { type: "object", properties: { text: { type: "string" } } },
      extension: "notes",
      example: { prompt: `please ${name}`, args: { text: "x" }, response: "fine" },
    })),
    system_prompts: [{ extension: "notes", text: prompt }],
  };
}

interface AppOptions {
  baseUrl?: string | undefined;
  apiKey?: string | undefined;
  ollama?: Ollama;
  limits?: Parameters<typeof langchainModel>[1];
}

function startApp({ baseUrl = llm.url, apiKey = MODEL_KEY, ollama, limits }: AppOptions = {}) {
  const endpoints = new ModelEndpoints({
    baseUrl: baseUrl === "" ? undefined : baseUrl,
    apiKey: apiKey === "" ? undefined : apiKey,
    model: undefined,
    configuredModel: async () => "base-model",
    ollama: ollama ?? new Ollama({ baseUrl: "http://127.0.0.1:9/v1" }),
  });
  const models = new Models({ endpoints, make: (_, at) => langchainModel(at, limits) });
  const tools = {
    read: async () => toolSet,
    call: async (request: {
      tool: string;
      arguments: Record<string, unknown>;
      signal?: AbortSignal;
    }) => {
      calls.push({ tool: request.tool, arguments: request.arguments });
      const run = runs[request.tool];
      if (run === undefined) throw new NotFoundError(`There is no tool "${request.tool}"`);
      return run(request.arguments, request.signal);
    },
  };
  const app = createAgentApp({
    agents: [simpleAgent({ model: () => models.now() })],
    defaultAgent: "simple_agent",
    ...{ tools, gate: keys.gate, edgeToken: EDGE_TOKEN },
    port: 8080,
    callerOf: () => ({ actor: { kind: "owner", name: "test" } }),
    log,
  });
  const server = serve({ fetch: app.fetch, listen: { port: 0 } });
  const url = `http://127.0.0.1:${server.port}`;
  const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: API_KEY, maxRetries: 0 });
  return { server, url, client };
}

const main = startApp();
const { client } = main;
const hasty = startApp({ limits: SHORT_LIMITS });
const servers = [main.server, hasty.server];

afterAll(async () => {
  await Promise.all([llm.stop(), keys.remove(), ...servers.map((server) => server.stop(true))]);
});

beforeEach(() => {
  llm.reset();
  toolSet = NO_TOOLS;
  runs = {};
  calls.length = 0;
  logged.length = 0;
});

const HELLO: ChatCompletionCreateParamsNonStreaming = {
  model: "simple_agent",
  messages: [{ role: "user", content: "Hello" }],
};

/** The error of a promise that must fail. */
async function failureOf(promise: PromiseLike<unknown>): Promise<APIError> {
  const error = await Promise.resolve(promise).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (error instanceof APIError) return error;
  throw new Error("expected an APIError", { cause: error });
}

async function textOf(stream: AsyncIterable<OpenAI.ChatCompletionChunk>): Promise<string> {
  let text = "";
  for await (const chunk of stream) text += chunk.choices[0]?.delta.content ?? "";
  return text;
}

function post(body: unknown, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(`${main.url}/v1/chat/completions`, {
    method: "POST",
    headers: {
      Authorization: `Bearer ${API_KEY}`,
      "Content-Type": "application/json",
      ...headers,
    },
    body: JSON.stringify(body),
  });
}

describe("who may ask, and whom", () => {
  test("health needs no key; everything else needs the right one", async () => {
    expect(await (await fetch(`${main.url}/healthz`)).json()).toEqual({ status: "ok" });
    const stranger = new OpenAI({ baseURL: `${main.url}/v1`, apiKey: "sk-wrong", maxRetries: 0 });
    const error = await failureOf(stranger.models.list());
    expect(error.status).toBe(401);
    expect(error.code).toBe("unauthorized");
    expect((await fetch(`${main.url}/v1/models`)).status).toBe(401);
    expect((await failureOf(stranger.chat.completions.create(HELLO))).status).toBe(401);
    expect(llm.requests).toEqual([]);
  });

  test("the models are the agents", async () => {
    const models = await client.models.list();
    expect(models.data.map(({ id, owned_by }) => [id, owned_by])).toEqual([
      ["simple_agent", "luna"],
    ]);
    expect((await client.models.retrieve("simple_agent")).object).toBe("model");
    expect((await failureOf(client.models.retrieve("gpt-4.1"))).status).toBe(404);
  });

  test("an unknown model is a 404 that lists the agents; no model means the default agent", async () => {
    const error = await failureOf(client.chat.completions.create({ ...HELLO, model: "gpt-9" }));
    expect(error.status).toBe(404);
    expect(error.message).toContain('unknown model "gpt-9": there are simple_agent');
    const answer = await (await post({ messages: HELLO.messages })).json();
    expect(answer).toMatchObject({ model: "simple_agent" });
  });

  test.each([
    ["no messages", { messages: [] }, 400, "messages cannot be empty"],
    ["blank user", { messages: [{ role: "user", content: " " }] }, 400, "no user message"],
    ["a bad role", { messages: [{ role: "wizard", content: "x" }] }, 422, "role"],
    ["several answers", { messages: HELLO.messages, n: 2 }, 422, "must be 1"],
    ["client tools", { messages: HELLO.messages, tools: [{ type: "function" }] }, 422, '"tools"'],
    ["a forced tool", { messages: HELLO.messages, tool_choice: "required" }, 422, "tool_choice"],
  ])("refuses %s", async (_, body, status, words) => {
    const response = await post(body);
    expect(response.status).toBe(status);
    expect(JSON.stringify(await response.json())).toContain(JSON.stringify(words).slice(1, -1));
    expect(llm.requests).toEqual([]);
  });
});

describe("a chat without tools", () => {
  test("the finished answer is in the body, with the model's own count of tokens", async () => {
    llm.script({ text: "Good morning to you.", finish_reason: "length" });
    const { data, response } = await client.chat.completions.create(HELLO).withResponse();
    expect(data.object).toBe("chat.completion");
    expect(data.id).toMatch(/^chatcmpl-[0-9a-f]{24}$/);
    expect(data.model).toBe("simple_agent");
    expect(data.choices[0]?.message).toMatchObject({
      role: "assistant",
      content: "Good morning to you.",
    });
    expect(data.choices[0]?.finish_reason).toBe("length");
    expect(data.usage).toMatchObject({
      prompt_tokens: 10,
      completion_tokens: 4,
      total_tokens: 14,
      prompt_tokens_details: { cached_tokens: 4 },
    });
    expect(data).not.toHaveProperty("luna");
    const timings: unknown = JSON.parse(response.headers.get("X-Luna-Timings") ?? "");
    expect(timings).toMatchObject({ agent: "simple_agent", steps: [{ name: "model" }] });
  });

  test("the conversation and the sampling reach the model as they came", async () => {
    await client.chat.completions.create({
      model: "simple_agent",
      messages: [
        { role: "developer", content: "Be brief." },
        {
          role: "user",
          content: [
            { type: "text", text: "What is " },
            { type: "text", text: "1+1?" },
          ],
        },
        {
          role: "assistant",
          content: null,
          tool_calls: [
            { id: "c1", type: "function", function: { name: "add", arguments: '{"a":1}' } },
          ],
        },
        { role: "tool", tool_call_id: "c1", content: "2" },
        { role: "assistant", content: "2" },
        { role: "user", content: "And 2+2?" },
      ],
      temperature: 0.3,
      top_p: 0.9,
      max_tokens: 77,
      stop: ["END"],
      seed: 5,
      response_format: { type: "json_object" },
    });
    const body = llm.requests[0]?.body;
    expect(body?.messages).toEqual([
      { role: "system", content: "Be brief." },
      {
        role: "user",
        content: [
          { type: "text", text: "What is " },
          { type: "text", text: "1+1?" },
        ],
      },
      {
        role: "assistant",
        content: "",
        tool_calls: [
          { id: "c1", type: "function", function: { name: "add", arguments: '{"a":1}' } },
        ],
      },
      { role: "tool", tool_call_id: "c1", content: "2" },
      { role: "assistant", content: "2" },
      { role: "user", content: "And 2+2?" },
    ]);
    expect(body).toMatchObject({
      model: "base-model",
      temperature: 0.3,
      top_p: 0.9,
      max_tokens: 77,
      stop: ["END"],
      seed: 5,
      response_format: { type: "json_object" },
    });
    expect(body).not.toHaveProperty("tools");
    expect(body).not.toHaveProperty("tool_choice");
    expect(llm.requests[0]?.headers.get("Authorization")).toBe(`Bearer ${MODEL_KEY}`);
  });

  test("what was not given is not sent", async () => {
    await client.chat.completions.create({ ...HELLO, temperature: null, max_tokens: null });
    expect(Object.keys(llm.requests[0]?.body ?? {}).sort()).toEqual([
      "messages",
      "model",
      "stream",
    ]);
  });

  test("each token is handed on as the model sends it", async () => {
    const second = gate();
    const third = gate();
    llm.script({
      tokens: (async function* () {
        yield "one ";
        await second.opened;
        yield "two ";
        await third.opened;
        yield "three";
      })(),
    });
    const stream = await client.chat.completions.create({ ...HELLO, stream: true });
    const seen: string[] = [];
    const finishes: unknown[] = [];
    for await (const chunk of stream) {
      expect(chunk.object).toBe("chat.completion.chunk");
      const text = chunk.choices[0]?.delta.content ?? "";
      if (text !== "") seen.push(text);
      finishes.push(chunk.choices[0]?.finish_reason);
      // The model goes on only after the client has seen what came before.
      if (text === "one ") second.open();
      if (text === "two ") third.open();
    }
    expect(seen).toEqual(["one ", "two ", "three"]);
    expect(finishes.at(-1)).toBe("stop");
    expect(llm.requests[0]?.body.stream_options).toBeUndefined();
  });

  test("a stream tells the usage when it is asked to", async () => {
    const stream = await client.chat.completions.create({
      ...HELLO,
      stream: true,
      stream_options: { include_usage: true },
    });
    const chunks = await Array.fromAsync(stream);
    expect(chunks.at(-1)?.choices).toEqual([]);
    expect(chunks.at(-1)?.usage).toMatchObject({ prompt_tokens: 10, total_tokens: 14 });
    expect(chunks.filter((chunk) => "luna" in chunk)).toEqual([]);
    expect(new Set(chunks.map((chunk) => chunk.id)).size).toBe(1);
  });

  test("the memory is told to the model, in the letters that its sender wrote", async () => {
    const memory = "1. Häuser\u00a0sind schön 🌙";
    const latin1 = Buffer.from(memory, "utf8").toString("latin1");
    await post(HELLO, { "X-Luna-Memory": latin1 });
    expect(llm.requests[0]?.body.messages[0]?.role).toBe("system");
    expect(llm.requests[0]?.body.messages[0]?.content).toEndWith(memory);
  });
});

describe("the tool loop", () => {
  const fine = (payload: unknown): Promise<ToolResult> =>
    Promise.resolve({ success: true, payload });

  test.each([false, true])("calls of one step run at once (stream: %p)", async (stream) => {
    const first = gate();
    const second = gate();
    useTools(
      {
        // Neither ends before the other began.
        notes_GET_a: async () => {
          first.open();
          await second.opened;
          return { success: true, payload: { notes: ["milk"] } };
        },
        notes_GET_b: async () => {
          second.open();
          await first.opened;
          return { success: true, payload: "plain" };
        },
      },
      "You manage notes.",
    );
    llm.script(
      {
        tool_calls: [
          { id: "a", name: "notes_GET_a", arguments: { text: "long enough for several pieces" } },
          { id: "b", name: "notes_GET_b", arguments: "" },
        ],
      },
      ({ body }) => ({
        text: body.messages
          .filter(({ role }) => role === "tool")
          .map(({ tool_call_id, content }) => `${tool_call_id}=${content}`)
          .join(" "),
      }),
    );
    const answer = stream
      ? await textOf(await client.chat.completions.create({ ...HELLO, stream: true }))
      : (await client.chat.completions.create(HELLO)).choices[0]?.message.content;
    expect(answer).toBe('a={"notes":["milk"]} b=plain');
    expect(calls).toEqual([
      { tool: "notes_GET_a", arguments: { text: "long enough for several pieces" } },
      { tool: "notes_GET_b", arguments: {} },
    ]);
    const system = llm.requests[0]?.body.messages[0];
    expect(system?.role).toBe("system");
    expect(system?.content).toContain(
      "Domain system prompts:\n\n[Domain: notes]\nYou manage notes.",
    );
    expect(llm.requests[0]?.body.tools?.[0]).toMatchObject({
      type: "function",
      function: {
        name: "notes_GET_a",
        description:
          'Does notes_GET_a.\nExample prompt: please notes_GET_a\nExample arguments: {"text":"x"}\nExample response: fine',
        parameters: { type: "object", properties: { text: { type: "string" } } },
      },
    });
  });

  test("the usage of all steps is added up", async () => {
    useTools({ echo: ({ text }) => fine(text) });
    llm.script({ tool_calls: [{ name: "echo", arguments: { text: "x" } }] }, { text: "a b c" });
    const { usage } = await client.chat.completions.create(HELLO);
    expect(usage).toMatchObject({ prompt_tokens: 20, completion_tokens: 3, total_tokens: 23 });
  });

  test("a tool that fails is tried once, and the model is told that it failed", async () => {
    useTools({
      notes_ACTION_send: () => Promise.resolve({ success: false, payload: "no such note" }),
      notes_ACTION_crash: () => Promise.reject(new Error("the host is gone")),
    });
    llm.script(
      {
        tool_calls: [
          { id: "1", name: "notes_ACTION_send", arguments: {} },
          { id: "2", name: "notes_ACTION_crash", arguments: {} },
          { id: "3", name: "notes_unknown", arguments: {} },
          { id: "4", name: "notes_ACTION_send", arguments: '{"text": "unfinish' },
        ],
      },
      { text: "It did not work." },
    );
    const answer = await client.chat.completions.create(HELLO);
    expect(answer.choices[0]?.message.content).toBe("It did not work.");
    expect(calls.map(({ tool }) => tool)).toEqual(["notes_ACTION_send", "notes_ACTION_crash"]);
    const told = llm.requests[1]?.body.messages.filter(({ role }) => role === "tool");
    expect(told?.map(({ content }) => content)).toEqual([
      "The tool failed: no such note",
      "The tool failed: the host is gone",
      'The tool failed: There is no tool "notes_unknown"',
      "The tool failed: Not run: the arguments are not valid JSON",
    ]);
  });

  test("a very long result is cut, and says so", async () => {
    useTools({ big: () => fine("x".repeat(1_000_000)) });
    llm.script({ tool_calls: [{ name: "big", arguments: {} }] });
    await client.chat.completions.create(HELLO);
    const content = String(llm.requests[1]?.body.messages.at(-1)?.content);
    expect(content.length).toBeLessThan(101_000);
    expect(content).toEndWith("[cut: the first 100000 of 1000000 characters]");
  });

  test("steps are shown only to those who ask, whole or streamed", async () => {
    useTools({ echo: ({ text }) => fine(text) });
    const step = {
      tool_calls: [{ id: "c", name: "echo", arguments: { text: "hi" } }],
      text: "Wait.",
    };
    llm.script(step, { text: "Done." });
    const whole: unknown = await (await post(HELLO, { "X-Luna-Trace": "1" })).json();
    expect(whole).toMatchObject({
      choices: [{ message: { content: "Done." } }],
      luna: {
        timings: { steps: [{ name: "model" }, { name: "tool:echo" }, { name: "model" }] },
        traces: [{ tool: "echo", args: { text: "hi" }, output: "hi", success: true }],
      },
    });
    llm.script(step, { text: "Done." });
    const stream = await client.chat.completions.create(
      { ...HELLO, stream: true },
      { headers: { "X-Luna-Trace": "1" } },
    );
    const chunks = await Array.fromAsync(stream);
    const luna = chunks.flatMap((chunk) => ("luna" in chunk ? [chunk.luna] : []));
    expect(luna).toMatchObject([
      { type: "tool_start", tool: "echo", arguments: { text: "hi" } },
      { type: "tool_end", tool: "echo", success: true, output: "hi" },
      { type: "end", timings: { agent: "simple_agent" } },
    ]);
    const text = chunks.map((chunk) => chunk.choices[0]?.delta.content ?? "").join("");
    expect(text).toBe("Wait.\n\nDone.");
  });

  test('tool_choice "none" chats without the tools', async () => {
    useTools({ echo: ({ text }) => fine(text) }, "You echo.");
    await client.chat.completions.create({ ...HELLO, tool_choice: "none" });
    expect(llm.requests[0]?.body).not.toHaveProperty("tools");
    expect(llm.requests[0]?.body.messages).toEqual([{ role: "user", content: "Hello" }]);
  });

  test("a model that never stops asking is stopped, and is not asked again", async () => {
    useTools({ echo: ({ text }) => fine(text) });
    llm.otherwise({ tool_calls: [{ name: "echo", arguments: {} }] });
    const patient = new OpenAI({ baseURL: `${main.url}/v1`, apiKey: API_KEY, maxRetries: 2 });
    const error = await failureOf(patient.chat.completions.create(HELLO));
    expect(error.status).toBe(502);
    expect(error.code).toBe("too_many_steps");
    expect(llm.requests.length).toBe(16);
    expect(llm.requests[15]?.body).toMatchObject({ tool_choice: "none" });
    expect(calls.length).toBe(15);
  });

  test("after a tool ran, a failing model is not asked for the same again", async () => {
    useTools({ add_note: () => fine("added") });
    llm.script({ tool_calls: [{ name: "add_note", arguments: {} }] });
    llm.otherwise({ status: 500, body: { error: { message: "oops" } } });
    const patient = new OpenAI({ baseURL: `${main.url}/v1`, apiKey: API_KEY, maxRetries: 2 });
    expect((await failureOf(patient.chat.completions.create(HELLO))).status).toBe(502);
    expect(calls.length).toBe(1);
  });
});

describe("a model that fails", () => {
  const quote = { error: { message: `it says ${MODEL_KEY}`, code: "x" } };
  const FAILURES: [string, Parameters<typeof llm.script>[0], number, string, string][] = [
    ["401", { status: 401, body: quote }, 502, "llm_unauthorized", "OPENAI_API_KEY"],
    ["403", { status: 403, body: quote }, 502, "llm_forbidden", "forbids"],
    ["404", { status: 404, body: quote }, 502, "llm_model_not_found", "LLM_DEFAULT_MODEL"],
    ["429", { status: 429, body: quote }, 429, "llm_rate_limited", "try again later"],
    ["500", { status: 500, body: quote }, 502, "llm_failed", "failed (500)"],
    ["a bare sentence", { status: 503, body: { error: "busy" } }, 502, "llm_failed", "busy"],
    ["400", { status: 400, body: quote }, 400, "llm_refused", "does not accept"],
    ["silence", { hang: true }, 504, "llm_timeout", "did not answer in time"],
    ["a web page", { raw: "<html>" }, 502, "llm_bad_answer", "OPENAI_BASE_URL"],
    [
      "a context that is too long",
      { status: 400, body: { error: { message: "maximum context length is 8", code: "y" } } },
      400,
      "llm_refused",
      "maximum context length is 8",
    ],
  ];

  test.each(FAILURES)("%s is told, whole or streamed", async (_, answer, status, code, words) => {
    for (const stream of [false, true]) {
      llm.script(answer);
      const asked = code === "llm_timeout" ? hasty.client : client;
      const error = await failureOf(asked.chat.completions.create({ ...HELLO, stream }));
      expect([error.status, error.code]).toEqual([status, code]);
      expect(error.message).toContain(words);
      expect(error.message).not.toContain(MODEL_KEY);
    }
    expect(llm.requests.length).toBe(2);
    expect(logged.join("\n")).not.toContain(MODEL_KEY);
  });

  test("Retry-After is handed on", async () => {
    llm.script({ status: 429, body: quote, headers: { "Retry-After": "17" } });
    const error = await failureOf(client.chat.completions.create(HELLO));
    expect(error.headers?.get("Retry-After")).toBe("17");
  });

  test("a client with retries does not repeat what cannot get better", async () => {
    llm.otherwise({ status: 401, body: quote });
    const patient = new OpenAI({ baseURL: `${main.url}/v1`, apiKey: API_KEY, maxRetries: 2 });
    await failureOf(patient.chat.completions.create(HELLO));
    expect(llm.requests.length).toBe(1);
  });

  test("a server that is not there is named", async () => {
    const absent = startLlmStandIn();
    await absent.stop();
    const { server, client: lost } = startApp({ baseUrl: absent.url });
    servers.push(server);
    const error = await failureOf(lost.chat.completions.create(HELLO));
    expect([error.status, error.code]).toEqual([502, "llm_unreachable"]);
    expect(error.message).toContain(absent.url);
  });

  const ONE = 'data: {"choices":[{"delta":{"content":"one "}}]}\n\n';
  const content_type = "text/event-stream";

  /** Says "one ", and ends as `ending` says once the client has read it. */
  function oneWord(read: Promise<void>, ending: "stop" | "cut"): Answer {
    const tokens = (async function* () {
      yield "one ";
      await read;
    })();
    return { tokens, ending };
  }

  const BREAKS: [string, (read: Promise<void>) => Answer, string][] = [
    ["breaks off", (read) => oneWord(read, "cut"), "llm_stream_broken"],
    ["falls silent", () => oneWord(gate().opened, "stop"), "llm_timeout"],
    ["ends without an end", () => ({ raw: ONE, content_type }), "llm_stream_broken"],
    ["turns into nonsense", () => ({ raw: `${ONE}data: {oo\n\n`, content_type }), "llm_bad_answer"],
  ];

  test.each(BREAKS)("a stream that %s is an error for the client, never an end", async (...row) => {
    const [, answer, code] = row;
    const read = gate();
    llm.script(answer(read.opened));
    const asked = code === "llm_timeout" ? hasty.client : client;
    const stream = await asked.chat.completions.create({ ...HELLO, stream: true });
    let text = "";
    const reading = (async () => {
      for await (const chunk of stream) {
        text += chunk.choices[0]?.delta.content ?? "";
        if (text !== "") read.open();
      }
    })();
    const error = await failureOf(reading);
    expect(text).toBe("one ");
    expect(error.code).toBe(code);
  });

  test("no [DONE] follows an error in a stream", async () => {
    const read = gate();
    llm.script(oneWord(read.opened, "cut"));
    const { body } = await post({ ...HELLO, stream: true });
    let raw = "";
    for await (const text of body?.pipeThrough(new TextDecoderStream()) ?? []) {
      raw += text;
      if (raw.includes('"content":"one "')) read.open();
    }
    expect(raw).not.toContain("[DONE]");
    const last = raw.trimEnd().split("\n").at(-1);
    expect(last).toStartWith('data: {"error":{"code":"llm_stream_broken"');
  });
});

describe("a client that goes away", () => {
  test("ends the model's request (stream: false)", async () => {
    llm.script({
      tokens: (async function* () {
        yield "x";
        await gate().opened;
      })(),
    });
    const leaving = new AbortController();
    const answer = client.chat.completions.create(HELLO, { signal: leaving.signal });
    const failed = answer.then(
      () => false,
      () => true,
    );
    const request = await until(() => llm.requests[0], { what: "the model's request" });
    leaving.abort();
    expect(await failed).toBe(true);
    await request.gone;
    expect(logged.join("\n")).not.toContain("unexpectedly");
  });

  test("ends the model's request (stream: true)", async () => {
    llm.script({
      tokens: (async function* () {
        yield "x";
        await gate().opened;
      })(),
    });
    const stream = await client.chat.completions.create({ ...HELLO, stream: true });
    for await (const chunk of stream) if (chunk.choices[0]?.delta.content === "x") break;
    await llm.requests[0]?.gone;
    expect(logged.join("\n")).not.toContain("unexpectedly");
  });

  test.each([false, true])("ends the tools (stream: %p)", async (stream) => {
    const begun = gate();
    const ended = gate();
    useTools({
      slow: (_, signal) => {
        begun.open();
        signal?.addEventListener("abort", ended.open);
        return new Promise(() => undefined);
      },
    });
    llm.script({ tool_calls: [{ name: "slow", arguments: {} }] });
    const leaving = new AbortController();
    const failed = client.chat.completions
      .create({ ...HELLO, stream }, { signal: leaving.signal })
      .catch(() => undefined);
    await begun.opened;
    leaving.abort();
    await failed;
    await ended.opened;
    expect(llm.requests.length).toBe(1);
  });
});

describe("which model answers", () => {
  const nothing = { baseUrl: "", apiKey: "" };

  test("none: 503 that says what to do, and that is not tried again", async () => {
    const absent = startLlmStandIn();
    await absent.stop();
    const {
      server,
      client: bare,
      url,
    } = startApp({ ...nothing, ollama: new Ollama({ baseUrl: absent.url }) });
    servers.push(server);
    for (const stream of [false, true]) {
      const error = await failureOf(bare.chat.completions.create({ ...HELLO, stream }));
      expect([error.status, error.code]).toEqual([503, "llm_not_configured"]);
      expect(error.message).toContain("Set OPENAI_API_KEY");
      expect(error.headers?.get("X-Should-Retry")).toBe("false");
    }
    expect((await bare.models.list()).data.length).toBe(1);
    expect((await fetch(`${url}/healthz`)).ok).toBe(true);
  });

  test("a local Ollama is used when nothing is configured", async () => {
    const local = startLlmStandIn({ models: ["nomic-embed-text:latest", "llama3.2:3b", "other"] });
    const ollama = new Ollama({ baseUrl: local.url });
    const { server, client: offline } = startApp({ ...nothing, ollama });
    servers.push(server);
    const answer = await offline.chat.completions.create(HELLO);
    expect(answer.choices[0]?.message.content).toBe("Hello from the stand-in.");
    expect(local.requests[0]?.body.model).toBe("llama3.2:3b");
    await local.stop();
  });

  test("a server without keys works", async () => {
    const { server, client: keyless } = startApp({ apiKey: "" });
    servers.push(server);
    const answer = await keyless.chat.completions.create(HELLO);
    expect(answer.choices[0]?.message.content).toBe("Hello from the stand-in.");
  });
});

test("LangSmith is not told anything, whatever the environment says", async () => {
  const told: string[] = [];
  const smith = Bun.serve({
    port: 0,
    fetch: (request) => {
      told.push(request.url);
      return Response.json({});
    },
  });
  const before = { ...Bun.env };
  Object.assign(Bun.env, {
    LANGSMITH_TRACING: "true",
    LANGSMITH_ENDPOINT: smith.url.href,
    LANGSMITH_API_KEY: "lsv2_test",
    LANGSMITH_GATEWAY: smith.url.href,
    LANGCHAIN_CALLBACKS_BACKGROUND: "false",
  });
  try {
    const { server, client: traced } = startApp();
    servers.push(server);
    await traced.chat.completions.create(HELLO);
    await textOf(await traced.chat.completions.create({ ...HELLO, stream: true }));
  } finally {
    for (const name of Object.keys(Bun.env)) if (!(name in before)) delete Bun.env[name];
  }
  expect(told).toEqual([]);
  expect(llm.requests.length).toBe(2);
  await smith.stop(true);
});
