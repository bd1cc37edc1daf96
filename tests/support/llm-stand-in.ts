/** A stand-in for a language model: a real HTTP server that speaks OpenAI's wire format and says what it is told. */
import { z } from "zod";

const ToolCall = z.looseObject({
  id: z.string(),
  function: z.looseObject({ name: z.string(), arguments: z.string() }),
});

/** What the tests look at in a request; the rest is there too. */
const ChatBody = z.looseObject({
  model: z.string(),
  messages: z.array(
    z.looseObject({
      role: z.string(),
      content: z.unknown(),
      tool_calls: z.array(ToolCall).optional(),
      tool_call_id: z.string().optional(),
    }),
  ),
  stream: z.boolean().nullish(),
  stream_options: z.looseObject({ include_usage: z.boolean().optional() }).nullish(),
  tools: z.array(z.looseObject({ function: z.looseObject({ name: z.string() }) })).optional(),
});
type ChatBody = z.infer<typeof ChatBody>;

interface RecordedRequest {
  path: string;
  headers: Headers;
  body: ChatBody;
  /** Resolves when the client went away before the end. */
  gone: Promise<void>;
}

interface WantedCall {
  id?: string;
  name: string;
  /** An object, or the very text that the model "writes". */
  arguments: Record<string, unknown> | string;
}

export type Answer =
  /** Streamed word by word. */
  | { text: string; finish_reason?: string }
  /**
   * Streamed as the iterable yields: an async one decides when. `cut` breaks the connection after the last;
   * what the client has not read by then is lost, so the iterable should wait until it has.
   */
  | { tokens: Iterable<string> | AsyncIterable<string>; ending?: "stop" | "cut" }
  | { tool_calls: WantedCall[]; text?: string }
  | { status: number; body: unknown; headers?: Record<string, string> }
  /** A body of 200 as it stands. */
  | { raw: string; content_type?: string }
  /** Never answers. */
  | { hang: true };

type Script = Answer | ((request: RecordedRequest) => Answer | Promise<Answer>);

export interface LlmStandIn {
  /** The base URL that clients take: ends in `/v1`. */
  url: string;
  requests: RecordedRequest[];
  /** The next answers, in order. */
  script(...answers: Script[]): void;
  /** What is answered when the script is at its end. */
  otherwise(answer: Script): void;
  /** Forgets script and requests. */
  reset(): void;
  stop(): Promise<void>;
}

interface StandInOptions {
  /** Ids of `GET /v1/models`. */
  models?: string[];
  /** Off for benchmarks: nothing is kept. */
  record?: boolean;
  port?: number;
}

const PROMPT_TOKENS = 10;
const CACHED_TOKENS = 4;
/** A stand-in writes a tool's arguments in pieces of this many characters. */
const ARGUMENTS_PIECE = 7;
const GREETING: Answer = { text: "Hello from the stand-in." };
const NEVER = new Promise<never>(() => undefined);

/** A gate that a test opens: `await gate.opened` inside an async generator of tokens. */
export function gate(): { opened: Promise<void>; open: () => void } {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { opened: promise, open: () => resolve() };
}

function usageOf(completionTokens: number): object {
  return {
    prompt_tokens: PROMPT_TOKENS,
    completion_tokens: completionTokens,
    total_tokens: PROMPT_TOKENS + completionTokens,
    prompt_tokens_details: { cached_tokens: CACHED_TOKENS },
  };
}

function words(text: string): string[] {
  return text.match(/\S+\s*|\s+/g) ?? [];
}

interface WireCall {
  id: string;
  type: "function";
  function: { name: string; arguments: string };
}

function wireCall({ id, name, arguments: args }: WantedCall, index: number): WireCall {
  const text = typeof args === "string" ? args : JSON.stringify(args);
  return {
    id: id ?? `call_${index}_${crypto.randomUUID().slice(0, 8)}`,
    type: "function",
    function: { name, arguments: text },
  };
}

/** An answer that is a completion, in the terms of the wire. */
interface Speech {
  tokens: Iterable<string> | AsyncIterable<string>;
  calls: WireCall[];
  finish: string;
  cut: boolean;
}

function speechOf(
  answer: Exclude<Answer, { status: number } | { raw: string } | { hang: true }>,
): Speech {
  if ("tool_calls" in answer) {
    const calls = answer.tool_calls.map(wireCall);
    return { tokens: words(answer.text ?? ""), calls, finish: "tool_calls", cut: false };
  }
  if ("tokens" in answer) {
    return { tokens: answer.tokens, calls: [], finish: "stop", cut: answer.ending === "cut" };
  }
  return {
    tokens: words(answer.text),
    calls: [],
    finish: answer.finish_reason ?? "stop",
    cut: false,
  };
}

const head = (body: ChatBody, object: string): object => ({
  id: "chatcmpl-standin",
  object,
  created: 1_700_000_000,
  model: body.model,
});

/** A body that breaks off: the connection ends before the length that was promised. */
function cutBody(text: string): Response {
  const stream = new ReadableStream<Uint8Array>({
    start: (controller) => controller.enqueue(new TextEncoder().encode(`{"said":"${text}`)),
    pull: (controller) => controller.error(new Error("the stand-in cuts this connection")),
  });
  return new Response(stream, { headers: { "Content-Type": "application/json" } });
}

async function whole(body: ChatBody, speech: Speech): Promise<Response> {
  let content = "";
  let count = 0;
  for await (const token of speech.tokens) {
    content += token;
    count += 1;
  }
  if (speech.cut) return cutBody(content);
  const message = {
    role: "assistant",
    content: content === "" && speech.calls.length > 0 ? null : content,
    ...(speech.calls.length === 0 ? {} : { tool_calls: speech.calls }),
  };
  return Response.json({
    ...head(body, "chat.completion"),
    choices: [{ index: 0, message, logprobs: null, finish_reason: speech.finish }],
    usage: usageOf(count),
  });
}

/** The pieces in which a model streams its tool calls: first the name, then the arguments bit by bit. */
function* callDeltas(calls: WireCall[]): Generator<object> {
  for (const [index, call] of calls.entries()) {
    const { name, arguments: text } = call.function;
    yield {
      tool_calls: [{ index, id: call.id, type: "function", function: { name, arguments: "" } }],
    };
    for (let at = 0; at < text.length; at += ARGUMENTS_PIECE) {
      const piece = text.slice(at, at + ARGUMENTS_PIECE);
      yield { tool_calls: [{ index, function: { arguments: piece } }] };
    }
  }
}

async function* events(body: ChatBody, speech: Speech): AsyncGenerator<string> {
  const base = head(body, "chat.completion.chunk");
  const chunk = (delta: object, finish_reason: string | null = null): string =>
    `data: ${JSON.stringify({ ...base, choices: [{ index: 0, delta, finish_reason }] })}\n\n`;
  yield chunk({ role: "assistant", content: "" });
  let count = 0;
  for await (const content of speech.tokens) {
    count += 1;
    yield chunk({ content });
  }
  if (speech.cut) throw new Error("the stand-in cuts this connection");
  for (const delta of callDeltas(speech.calls)) yield chunk(delta);
  yield chunk({}, speech.finish);
  if (body.stream_options?.include_usage === true) {
    yield `data: ${JSON.stringify({ ...base, choices: [], usage: usageOf(count) })}\n\n`;
  }
  yield "data: [DONE]\n\n";
}

function streamed(body: ChatBody, speech: Speech): Response {
  const source = events(body, speech);
  const encoder = new TextEncoder();
  const stream = new ReadableStream<Uint8Array>({
    async pull(controller) {
      const next = await source.next();
      if (next.done === true) controller.close();
      else controller.enqueue(encoder.encode(next.value));
    },
  });
  return new Response(stream, { headers: { "Content-Type": "text/event-stream" } });
}

async function respond(request: RecordedRequest, script: Script): Promise<Response> {
  const answer = typeof script === "function" ? await script(request) : script;
  if ("hang" in answer) return NEVER;
  if ("raw" in answer) {
    const type = answer.content_type ?? "application/json";
    return new Response(answer.raw, { headers: { "Content-Type": type } });
  }
  if ("status" in answer) {
    const { status, headers = {} } = answer;
    return Response.json(answer.body, { status, headers });
  }
  const speech = speechOf(answer);
  const { body } = request;
  return body.stream === true ? streamed(body, speech) : whole(body, speech);
}

/** Starts a stand-in on a free port of loopback. */
export function startLlmStandIn(options: StandInOptions = {}): LlmStandIn {
  const { models = ["stand-in"], record = true, port = 0 } = options;
  const requests: RecordedRequest[] = [];
  let queue: Script[] = [];
  let fallback: Script = GREETING;
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port,
    idleTimeout: 0,
    development: false,
    async fetch(request) {
      const path = new URL(request.url).pathname;
      if (path === "/v1/models") {
        const data = models.map((id) => ({ id, object: "model", created: 0, owned_by: "test" }));
        return Response.json({ object: "list", data });
      }
      if (path !== "/v1/chat/completions") return new Response("not found", { status: 404 });
      const { promise: gone, resolve } = Promise.withResolvers<void>();
      request.signal.addEventListener("abort", () => resolve());
      const body = ChatBody.parse(await request.json());
      const recorded = { path, headers: request.headers, body, gone };
      if (record) requests.push(recorded);
      return respond(recorded, queue.shift() ?? fallback);
    },
    // A broken connection is the script's doing; anything else shows in the test as a 500.
    error: (error) => new Response(String(error), { status: 500 }),
  });
  return {
    url: `http://127.0.0.1:${server.port}/v1`,
    requests,
    script: (...answers) => {
      queue.push(...answers);
    },
    otherwise: (answer) => {
      fallback = answer;
    },
    reset: () => {
      queue = [];
      fallback = GREETING;
      requests.length = 0;
    },
    stop: () => server.stop(true),
  };
}
