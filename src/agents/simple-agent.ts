/** `simple_agent`: asks the model, runs the tools that it wants, and asks again until it answers (contract 9.3). */
import { UpstreamError } from "../lib/errors.ts";
import type { Agent, AgentEvent, AgentRequest } from "./agent.ts";
import { addUsage, type ChatModel, type ModelAnswer, type Usage } from "./chat-model.ts";
import type { AgentMessage } from "./messages.ts";
import { briefingOf, openingMessages } from "./prompt.ts";
import { runTools } from "./tool-calls.ts";

/** How often the model is asked for one answer; the last time it must do without tools. */
const MODEL_CALLS_MAX = 16;
/** Between the text of one turn and the next, for those who read along. */
const PARAGRAPH = "\n\n";

interface SimpleAgentOptions {
  /** The model to use now; throws when none is configured. */
  model: () => Promise<ChatModel>;
}

/** Passes a turn's text on as events, and returns its answer. */
async function* textEvents(
  turn: AsyncGenerator<string, ModelAnswer>,
  separator: string,
): AsyncGenerator<AgentEvent, ModelAnswer> {
  let before = separator;
  for (;;) {
    const next = await turn.next();
    if (next.done === true) return next.value;
    yield { type: "text", text: before + next.value };
    before = "";
  }
}

async function* run(
  { model: modelNow }: SimpleAgentOptions,
  request: AgentRequest,
): AsyncGenerator<AgentEvent, void> {
  const { signal, conversation, memory, caller, tools: source } = request;
  const [model, set] = await Promise.all([modelNow(), source.read()]);
  const briefing = briefingOf(request.useTools ? set : { tools: [], system_prompts: [] });
  const messages: AgentMessage[] = openingMessages({
    systemPrompt: briefing.system_prompt,
    memory,
    conversation,
  });
  let usage: Usage | undefined;
  let text = "";
  for (let call = 1; call <= MODEL_CALLS_MAX; call += 1) {
    signal.throwIfAborted();
    const started = performance.now();
    const turn = model.turn({
      messages,
      tools: briefing.tools,
      toolChoice: call < MODEL_CALLS_MAX ? "auto" : "none",
      sampling: request.sampling,
      stream: request.stream,
      usage: request.usage,
      signal,
    });
    const answer = yield* textEvents(turn, text === "" ? "" : PARAGRAPH);
    yield { type: "model_end", seconds: (performance.now() - started) / 1000 };
    usage = addUsage(usage, answer.usage);
    if (answer.text !== "") text = answer.text;
    if (answer.toolRequests.length === 0) {
      yield { type: "done", text, finish_reason: answer.finishReason, usage };
      return;
    }
    if (call === MODEL_CALLS_MAX) break;
    const { toolRequests } = answer;
    messages.push({ role: "assistant", content: answer.text, toolRequests });
    const ends = yield* runTools({
      requests: toolRequests,
      source,
      names: briefing.names,
      caller,
      signal,
    });
    for (const { id, output } of ends) {
      messages.push({ role: "tool", toolRequestId: id, content: output });
    }
  }
  throw new UpstreamError(
    `Cannot finish the answer: the model still asks for tools after ${MODEL_CALLS_MAX} steps; ask for less at once, or use another model`,
    { code: "too_many_steps" },
  );
}

export function simpleAgent(options: SimpleAgentOptions): Agent {
  return { name: "simple_agent", run: (request) => run(options, request) };
}
