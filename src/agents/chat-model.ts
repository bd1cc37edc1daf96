/** What an agent needs of a language model, whatever library speaks to it. */
import { z } from "zod";
import type { InputSchema } from "../contract/tool.ts";
import type { AgentMessage, ToolRequest } from "./messages.ts";

/** Parameters of the request that go to the model as they came. */
export const Sampling = z.object({
  temperature: z.number().nullish(),
  top_p: z.number().nullish(),
  max_tokens: z.int().positive().nullish(),
  max_completion_tokens: z.int().positive().nullish(),
  stop: z.union([z.string(), z.array(z.string())]).nullish(),
  seed: z.int().nullish(),
  presence_penalty: z.number().nullish(),
  frequency_penalty: z.number().nullish(),
  reasoning_effort: z.string().nullish(),
  response_format: z.looseObject({ type: z.string() }).nullish(),
});
export type Sampling = z.infer<typeof Sampling>;

/** Tokens as the model counted them. */
export const Usage = z.object({
  prompt_tokens: z.int(),
  completion_tokens: z.int(),
  total_tokens: z.int(),
  prompt_tokens_details: z.object({ cached_tokens: z.int() }),
  completion_tokens_details: z.object({ reasoning_tokens: z.int() }),
});
export type Usage = z.infer<typeof Usage>;

/** A tool as model APIs want it. */
export interface ModelTool {
  type: "function";
  function: { name: string; description: string; parameters: InputSchema };
}

export interface ModelTurn {
  messages: readonly AgentMessage[];
  tools: readonly ModelTool[];
  /** `none`: the model sees the tools but must answer. */
  toolChoice: "auto" | "none";
  sampling: Sampling;
  /** Whether text is wanted as it comes, or only whole. */
  stream: boolean;
  /** Whether a streamed answer must tell its usage; a whole one always does. */
  usage: boolean;
  signal: AbortSignal;
}

export interface ModelAnswer {
  text: string;
  toolRequests: readonly ToolRequest[];
  /** `stop`, `length`, `content_filter`, `tool_calls`, or a server's own word. */
  finishReason: string;
  /** Absent when the server does not count. */
  usage: Usage | undefined;
}

export interface ChatModel {
  /**
   * One answer of the model: yields text as it comes, returns the whole.
   * @throws ModelError when the model fails; the signal's reason when it is aborted
   */
  turn(request: ModelTurn): AsyncGenerator<string, ModelAnswer>;
}

/** The sum of what several turns used; what no turn told stays untold. */
export function addUsage(sum: Usage | undefined, more: Usage | undefined): Usage | undefined {
  if (sum === undefined || more === undefined) return sum ?? more;
  const cached = sum.prompt_tokens_details.cached_tokens + more.prompt_tokens_details.cached_tokens;
  const reasoning =
    sum.completion_tokens_details.reasoning_tokens +
    more.completion_tokens_details.reasoning_tokens;
  return {
    prompt_tokens: sum.prompt_tokens + more.prompt_tokens,
    completion_tokens: sum.completion_tokens + more.completion_tokens,
    total_tokens: sum.total_tokens + more.total_tokens,
    prompt_tokens_details: { cached_tokens: cached },
    completion_tokens_details: { reasoning_tokens: reasoning },
  };
}
