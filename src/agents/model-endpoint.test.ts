/** Which model is chosen, and how Ollama is looked for. */
import { afterAll, beforeEach, expect, test } from "bun:test";
import { ModelEndpoints } from "./model-endpoint.ts";
import { ModelError } from "./model-error.ts";
import { Ollama } from "./ollama.ts";

let asked = 0;
let answer: () => Response | Promise<Response> = () => new Response();
const server = Bun.serve({
  port: 0,
  hostname: "127.0.0.1",
  fetch: () => {
    asked += 1;
    return answer();
  },
});
const baseUrl = `http://127.0.0.1:${server.port}/v1`;
const having =
  (...ids: string[]) =>
  (): Response =>
    Response.json({ object: "list", data: ids.map((id) => ({ id })) });

afterAll(() => server.stop(true));
beforeEach(() => {
  asked = 0;
});

function endpoints(options: { baseUrl?: string; apiKey?: string; model?: string } = {}) {
  return new ModelEndpoints({
    baseUrl: undefined,
    apiKey: undefined,
    model: undefined,
    configuredModel: async () => "configured",
    ollama: new Ollama({ baseUrl }),
    ...options,
  });
}

async function codeOf(promise: Promise<unknown>): Promise<string> {
  const error = await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (error instanceof ModelError) return `${error.code}: ${error.message}`;
  throw new Error("expected a ModelError", { cause: error });
}

test("a key alone means OpenAI and the configured model", async () => {
  expect(await endpoints({ apiKey: "k" }).now()).toEqual({
    base_url: "https://api.openai.com/v1",
    address: "https://api.openai.com/v1",
    key: "k",
    model: "configured",
  });
  expect(asked).toBe(0);
});

test("LLM_DEFAULT_MODEL wins; what is secret in an address is not shown", async () => {
  const url = "https://user:secret@models.example/v1/";
  expect(await endpoints({ baseUrl: url, model: "m" }).now()).toEqual({
    base_url: "https://user:secret@models.example/v1",
    address: "https://models.example/v1",
    key: "",
    model: "m",
  });
});

test.each(["not an address", "ftp://models.example/v1"])("%p is no address", async (url) => {
  const error = await codeOf(endpoints({ baseUrl: url }).now());
  expect(error).toContain("llm_not_configured: Cannot answer: OPENAI_BASE_URL is not an http");
});

test.each([
  [
    "the first that can chat",
    ["all-minilm:l6", "nomic-embed-text", "qwen3:8b", "x"],
    {},
    "qwen3:8b",
  ],
  ["the configured one when it is there", ["qwen3:8b", "configured"], {}, "configured"],
  ["LLM_DEFAULT_MODEL whatever there is", ["qwen3:8b"], { model: "mine" }, "mine"],
])("of Ollama's models: %s", async (_, ids, options, model) => {
  answer = having(...ids);
  expect((await endpoints(options).now()).model).toBe(model);
});

test("an Ollama without models is told how to get one", async () => {
  answer = () => Response.json({ object: "list", data: null });
  expect(await codeOf(endpoints().now())).toContain("ollama pull");
});

test.each([
  ["another program", () => new Response("<html>")],
  ["a failing one", () => new Response("", { status: 500 })],
  ["one that is silent", () => new Promise<Response>(() => undefined)],
])("%s on Ollama's port is no Ollama", async (_, reply) => {
  answer = reply;
  const started = performance.now();
  expect(await codeOf(endpoints().now())).toContain("no language model is configured");
  expect(performance.now() - started).toBeLessThan(2_000);
});

test("Ollama is asked once in a while, whether it is there or not", async () => {
  let now = 0;
  const ollama = new Ollama({ baseUrl, clock: () => now });
  answer = having("a");
  expect(await Promise.all([ollama.models(), ollama.models()])).toEqual([["a"], ["a"]]);
  answer = () => new Response("", { status: 503 });
  expect(await ollama.models()).toEqual(["a"]);
  expect(asked).toBe(1);
  now += 5_000;
  expect(await ollama.models()).toBeUndefined();
  answer = having("b");
  expect(await ollama.models()).toBeUndefined();
  expect(asked).toBe(2);
  now += 5_000;
  expect(await ollama.models()).toEqual(["b"]);
});
