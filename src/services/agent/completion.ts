/** The answer in one piece: OpenAI's `chat.completion` (https://platform.openai.com/docs/api-reference/chat/object). */
import type { AgentEvent } from "../../agents/agent.ts";
import type { Usage } from "../../agents/chat-model.ts";
import type { RunRecord, Timings } from "./run-record.ts";

const ID_BYTES = 12;

/** What every object of one answer says of itself. */
export interface CompletionHead {
  id: string;
  created: number;
  model: string;
}

export function completionHead(model: string): CompletionHead {
  const random = crypto.getRandomValues(new Uint8Array(ID_BYTES)).toHex();
  return { id: `chatcmpl-${random}`, created: Math.floor(Date.now() / 1000), model };
}

interface Completion extends CompletionHead {
  object: "chat.completion";
  choices: {
    index: 0;
    message: { role: "assistant"; content: string; refusal: null };
    logprobs: null;
    finish_reason: string;
  }[];
  usage?: Usage;
  /** Only when asked for: strict clients never see it. */
  luna?: { timings: Timings; traces: ReturnType<RunRecord["traces"]> };
}

interface CompletionOptions {
  events: AsyncIterable<AgentEvent>;
  record: RunRecord;
  head: CompletionHead;
  trace: boolean;
}

/** Runs the agent to its end. */
export async function completionOf(options: CompletionOptions): Promise<Completion> {
  const { events, record, head, trace } = options;
  let done: Extract<AgentEvent, { type: "done" }> | undefined;
  for await (const event of events) {
    record.note(event);
    if (event.type === "done") done = event;
  }
  if (done === undefined) throw new Error(`The agent "${head.model}" ended without an answer`);
  const message = { role: "assistant" as const, content: done.text, refusal: null };
  return {
    ...head,
    object: "chat.completion",
    choices: [{ index: 0, message, logprobs: null, finish_reason: done.finish_reason }],
    ...(done.usage === undefined ? {} : { usage: done.usage }),
    ...(trace ? { luna: { timings: record.timings(), traces: record.traces() } } : {}),
  };
}
