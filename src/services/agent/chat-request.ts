/** `POST /v1/chat/completions`: what of OpenAI's request Luna understands; unknown fields are ignored. */
import { z } from "zod";
import { Sampling } from "../../agents/chat-model.ts";
import { hasUserText, RequestMessage } from "../../agents/messages.ts";
import { InvalidInputError, LunaError } from "../../lib/errors.ts";

export const ChatRequest = Sampling.extend({
  model: z.string().nullish(),
  messages: z.array(RequestMessage),
  stream: z.boolean().nullish(),
  stream_options: z.object({ include_usage: z.boolean().nullish() }).nullish(),
  n: z.literal(1, "must be 1: an agent gives one answer").nullish(),
  tools: z.array(z.unknown()).nullish(),
  functions: z.array(z.unknown()).nullish(),
  tool_choice: z.unknown().optional(),
});
export type ChatRequest = z.infer<typeof ChatRequest>;

function refused(message: string): LunaError {
  // OpenAI answers 400 here (contract 9.1); clients look at that.
  return new LunaError({ code: "invalid_input", status: 400 }, message, {});
}

/** What no schema says: there is something to answer, and nothing is asked for that Luna would leave out. */
export function checkChatRequest(request: ChatRequest): void {
  if (request.messages.length === 0) throw refused("messages cannot be empty");
  if (!hasUserText(request.messages)) throw refused("no user message provided");
  if ((request.tools?.length ?? 0) > 0 || (request.functions?.length ?? 0) > 0) {
    throw new InvalidInputError(
      'Cannot use the request\'s "tools": the agent has tools of its own; leave "tools" out, and give Luna a tool by installing an extension',
      { code: "client_tools_unsupported" },
    );
  }
  const choice = request.tool_choice ?? "auto";
  if (choice !== "auto" && choice !== "none") {
    throw new InvalidInputError(
      'Cannot use the request\'s "tool_choice": it must be "auto" or "none", the agent chooses among its own tools',
    );
  }
}
