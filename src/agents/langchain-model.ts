/** A language model through LangChain's client of OpenAI-compatible APIs. Loads LangChain: import it lazily. */
import type { ChatModelStreamEvent } from "@langchain/core/language_models/event";
import { AIMessage, type UsageMetadata } from "@langchain/core/messages";
import { ChatOpenAICompletions, type ChatOpenAICompletionsCallOptions } from "@langchain/openai";
import type { ChatModel, ModelAnswer, ModelTurn, Sampling, Usage } from "./chat-model.ts";
import { langchainMessage } from "./langchain-messages.ts";
import { parseArguments, type ToolRequest } from "./messages.ts";
import type { ModelEndpoint } from "./model-endpoint.ts";
import { brokenAnswer, modelErrorOf } from "./model-failures.ts";
import { SilenceLimit } from "./silence.ts";

/** A streamed answer may be silent this long: models that think first say nothing for minutes. */
const SILENCE_MS_MAX = 300_000;
/** A whole answer may take this long; it is also the openai clients' own limit. */
const WHOLE_ANSWER_MS_MAX = 600_000;
/** The client does the retrying: it knows `Retry-After`, and its user sees the waiting. */
const RETRIES = 0;

interface CallOptions extends ChatOpenAICompletionsCallOptions {
  /** Parameters of this one request; LangChain wants most of them when a model is made. */
  sampling?: Sampling;
  /** Not every server knows `stream_options`: it is sent only when the usage is wanted. */
  usage?: boolean;
}

class OpenAiModel extends ChatOpenAICompletions<CallOptions> {
  override invocationParams(
    options?: this["ParsedCallOptions"],
    extra?: { streaming?: boolean },
  ): ReturnType<ChatOpenAICompletions["invocationParams"]> {
    const params = super.invocationParams(options, extra);
    const { max_tokens, max_completion_tokens, ...sampling } = options?.sampling ?? {};
    if (options?.usage !== true) delete params.stream_options;
    // LangChain knows which models want the newer name of this limit.
    const limitName = "max_completion_tokens" in params ? "max_completion_tokens" : "max_tokens";
    const limit = max_completion_tokens ?? max_tokens;
    const given = Object.entries({ ...sampling, [limitName]: limit });
    return { ...params, ...Object.fromEntries(given.filter(([, value]) => value != null)) };
  }
}

/** Every setting that LangChain and the client would otherwise look for in the environment is given here. */
function openAiModel(endpoint: ModelEndpoint): OpenAiModel {
  return new OpenAiModel({
    model: endpoint.model,
    // Servers without keys ignore it; the client cannot be made without one.
    apiKey: endpoint.key === "" ? "none" : endpoint.key,
    maxRetries: RETRIES,
    timeout: WHOLE_ANSWER_MS_MAX,
    outputVersion: "v0",
    verbose: false,
    configuration: {
      baseURL: endpoint.base_url,
      organization: null,
      project: null,
      webhookSecret: null,
      // It would write parts of answers to the log.
      logLevel: "off",
      // Bun's own limit on a quiet connection; ours are above.
      fetchOptions: { timeout: false },
    },
  });
}

function usageOf(counted: Partial<UsageMetadata> | undefined): Usage | undefined {
  if (counted?.input_tokens === undefined && counted?.output_tokens === undefined) return undefined;
  const prompt = counted.input_tokens ?? 0;
  const completion = counted.output_tokens ?? 0;
  return {
    prompt_tokens: prompt,
    completion_tokens: completion,
    total_tokens: counted.total_tokens ?? prompt + completion,
    prompt_tokens_details: { cached_tokens: counted.input_token_details?.cache_read ?? 0 },
    completion_tokens_details: { reasoning_tokens: counted.output_token_details?.reasoning ?? 0 },
  };
}

/** A tool call as LangChain has it: parsed, or as text that it could not parse. */
interface LangchainToolCall {
  id?: string | undefined;
  name?: string | undefined;
  args?: unknown;
}

function toolRequestOf({ id, name, args }: LangchainToolCall): ToolRequest {
  return {
    // Some servers send no id.
    id: id === undefined || id === "" ? `call_${crypto.randomUUID().replaceAll("-", "")}` : id,
    tool: name ?? "",
    ...parseArguments(typeof args === "string" ? args : JSON.stringify(args ?? {})),
  };
}

/** The answer of a stream of events; yields its text as it comes. */
async function* streamedAnswer(
  events: AsyncIterable<ChatModelStreamEvent>,
  endpoint: ModelEndpoint,
): AsyncGenerator<string, ModelAnswer> {
  let text = "";
  let began = false;
  const toolRequests: ToolRequest[] = [];
  for await (const event of events) {
    if (event.event === "message-start") began = true;
    else if (event.event === "content-block-delta" && event.delta.type === "text-delta") {
      text += event.delta.text;
      yield event.delta.text;
    } else if (event.event === "content-block-finish") {
      const { content } = event;
      if (content.type === "tool_call" || content.type === "invalid_tool_call") {
        toolRequests.push(toolRequestOf(content));
      }
    } else if (event.event === "message-finish") {
      // A stream that ends without a reason was cut: its text may stop in the middle of a word.
      if (event.reason === undefined) break;
      const finishReason = event.reason === "tool_use" ? "tool_calls" : event.reason;
      return { text, toolRequests, finishReason, usage: usageOf(event.usage) };
    }
  }
  throw brokenAnswer(endpoint, began);
}

interface Limits {
  silenceMs: number;
  wholeAnswerMs: number;
}

class LangchainModel implements ChatModel {
  readonly #endpoint: ModelEndpoint;
  readonly #model: OpenAiModel;
  readonly #limits: Limits;

  constructor(endpoint: ModelEndpoint, limits: Limits) {
    this.#endpoint = endpoint;
    this.#model = openAiModel(endpoint);
    this.#limits = limits;
  }

  async *turn(request: ModelTurn): AsyncGenerator<string, ModelAnswer> {
    // The client's non-streaming way to JSON schemas refuses tools that are not strict.
    const stream = request.stream || request.sampling.response_format?.type === "json_schema";
    const limitMs = stream ? this.#limits.silenceMs : this.#limits.wholeAnswerMs;
    const silence = new SilenceLimit({ limitMs, signal: request.signal });
    try {
      return stream
        ? yield* this.#streamed(request, silence)
        : yield* this.#whole(request, silence.signal);
    } catch (error) {
      request.signal.throwIfAborted();
      // The client reports every abort alike; the signal knows whether it was the silence.
      const thrown: unknown = silence.signal.aborted ? silence.signal.reason : error;
      throw modelErrorOf(thrown, this.#endpoint);
    } finally {
      silence.stop();
    }
  }

  #options(request: ModelTurn, signal: AbortSignal): OpenAiModel["ParsedCallOptions"] {
    return {
      signal,
      sampling: request.sampling,
      usage: request.usage,
      ...(request.tools.length === 0 ? {} : { tools: [...request.tools] }),
      ...(request.toolChoice === "auto" ? {} : { tool_choice: request.toolChoice }),
    };
  }

  // Both ways below go around `stream` and `invoke`, which look for LangSmith in the environment each time.

  async *#streamed(request: ModelTurn, silence: SilenceLimit): AsyncGenerator<string, ModelAnswer> {
    const events = this.#model._streamChatModelEvents(
      request.messages.map(langchainMessage),
      this.#options(request, silence.signal),
    );
    const heard = async function* (): AsyncGenerator<ChatModelStreamEvent> {
      for await (const event of events) {
        silence.heard();
        yield event;
      }
    };
    return yield* streamedAnswer(heard(), this.#endpoint);
  }

  async *#whole(request: ModelTurn, signal: AbortSignal): AsyncGenerator<string, ModelAnswer> {
    const { generations } = await this.#model._generate(
      request.messages.map(langchainMessage),
      this.#options(request, signal),
    );
    const first = generations[0];
    if (first === undefined || !AIMessage.isInstance(first.message)) {
      throw brokenAnswer(this.#endpoint, false);
    }
    const { tool_calls = [], invalid_tool_calls = [], usage_metadata } = first.message;
    if (first.text !== "") yield first.text;
    const { finish_reason: reason }: { finish_reason?: unknown } = first.generationInfo ?? {};
    return {
      text: first.text,
      toolRequests: [...tool_calls, ...invalid_tool_calls].map(toolRequestOf),
      finishReason: typeof reason === "string" ? reason : "stop",
      usage: usageOf(usage_metadata),
    };
  }
}

export function langchainModel(
  endpoint: ModelEndpoint,
  { silenceMs = SILENCE_MS_MAX, wholeAnswerMs = WHOLE_ANSWER_MS_MAX }: Partial<Limits> = {},
): ChatModel {
  return new LangchainModel(endpoint, { silenceMs, wholeAnswerMs });
}
