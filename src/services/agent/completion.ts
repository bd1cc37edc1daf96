/** The answer in one piece: OpenAI's `chat.completion` (https://platform.openai.com/docs/api-reference/chat/object). */
import { z } from "zod";
import type { AgentEvent } from "../../agents/agent.ts";
import { Usage } from "../../agents/chat-model.ts";
import { type RunRecord, Timings, Trace } from "./run-record.ts";

const ID_BYTES = 12;

/** What every object of one answer says of itself. */
const CompletionHead = z.object({ id: z.string(), created: z.int(), model: z.string() });
export type CompletionHead = z.infer<typeof CompletionHead>;

export function completionHead(model: string): CompletionHead {
  const random = crypto.getRandomValues(new Uint8Array(ID_BYTES)).toHex();
  return { id: `chatcmpl-${random}`, created: Math.floor(Date.now() / 1000), model };
}

export const Completion = z.object({
  ...CompletionHead.shape,
  object: z.literal("chat.completion"),
  choices: z.array(
    z.object({
      index: z.literal(0),
      message: z.object({ role: z.literal("assistant"), content: z.string(), refusal: z.null() }),
      logprobs: z.null(),
      finish_reason: z.string(),
    }),
  ),
  usage: Usage.optional(),
  /** Only when asked for: strict clients never see it. */
  luna: z.object({ timings: Timings, traces: z.array(Trace) }).optional(),
});
type Completion = z.infer<typeof Completion>;

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
