/** A conversation: as OpenAI's clients send it, and as the agents work with it. */
import { z } from "zod";

const TextPart = z.object({ type: z.literal("text"), text: z.string() });
const ImagePart = z.object({
  type: z.literal("image_url"),
  image_url: z.object({ url: z.string(), detail: z.string().optional() }),
});
const UserPart = z.discriminatedUnion("type", [TextPart, ImagePart]);
type UserPart = z.infer<typeof UserPart>;

/** A string, or parts that are all text: one string either way. */
const Text = z.union([
  z.string(),
  z.array(TextPart).transform((parts) => parts.map((part) => part.text).join("")),
]);

const RequestToolCall = z.object({
  id: z.string(),
  type: z.literal("function").default("function"),
  function: z.object({ name: z.string(), arguments: z.string() }),
});

/** https://platform.openai.com/docs/api-reference/chat/create, without what is deprecated there. */
export const RequestMessage = z.discriminatedUnion("role", [
  z.object({ role: z.literal("system"), content: Text }),
  z.object({ role: z.literal("developer"), content: Text }),
  z.object({ role: z.literal("user"), content: z.union([z.string(), z.array(UserPart)]) }),
  z.object({
    role: z.literal("assistant"),
    content: Text.nullish(),
    tool_calls: z.array(RequestToolCall).nullish(),
  }),
  z.object({ role: z.literal("tool"), tool_call_id: z.string(), content: Text }),
]);
export type RequestMessage = z.infer<typeof RequestMessage>;

/** A tool that the model wants called. */
export interface ToolRequest {
  id: string;
  tool: string;
  arguments: Record<string, unknown>;
  /** Why the arguments could not be read, when they could not. */
  fault?: string;
}

export type AgentMessage =
  | { role: "system"; content: string }
  | { role: "user"; content: string | UserPart[] }
  | { role: "assistant"; content: string; toolRequests: readonly ToolRequest[] }
  | { role: "tool"; toolRequestId: string; content: string };

const ArgumentsObject = z.record(z.string(), z.unknown());

/** The arguments that a model wrote; none at all means an empty object, as several servers send it. */
export function parseArguments(text: string): Pick<ToolRequest, "arguments" | "fault"> {
  if (text.trim() === "") return { arguments: {} };
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // The model gets to read this and corrects itself; the log has nothing to gain from it.
    return { arguments: {}, fault: "the arguments are not valid JSON" };
  }
  const parsed = ArgumentsObject.safeParse(value);
  if (parsed.success) return { arguments: parsed.data };
  return { arguments: {}, fault: "the arguments are not a JSON object" };
}

function agentMessage(message: RequestMessage): AgentMessage {
  switch (message.role) {
    case "system":
    case "developer":
      // Servers other than OpenAI's do not know "developer"; LangChain uses it for models that want it.
      return { role: "system", content: message.content };
    case "user":
      return message;
    case "assistant": {
      const toolRequests = (message.tool_calls ?? []).map((call) => ({
        id: call.id,
        tool: call.function.name,
        ...parseArguments(call.function.arguments),
      }));
      return { role: "assistant", content: message.content ?? "", toolRequests };
    }
    case "tool":
      return { role: "tool", toolRequestId: message.tool_call_id, content: message.content };
  }
}

export function agentMessages(messages: readonly RequestMessage[]): AgentMessage[] {
  return messages.map(agentMessage);
}

/** Whether a person says anything in it (contract 9.1). */
export function hasUserText(messages: readonly RequestMessage[]): boolean {
  return messages.some((message) => {
    if (message.role !== "user") return false;
    if (typeof message.content === "string") return message.content.trim() !== "";
    return message.content.some((part) => part.type !== "text" || part.text.trim() !== "");
  });
}
