/** Turns the agents' messages into LangChain's. */
import {
  AIMessage,
  type BaseMessage,
  HumanMessage,
  SystemMessage,
  ToolMessage,
} from "@langchain/core/messages";
import type { AgentMessage } from "./messages.ts";

export function langchainMessage(message: AgentMessage): BaseMessage {
  switch (message.role) {
    case "system":
      return new SystemMessage(message.content);
    case "user":
      return new HumanMessage({ content: message.content });
    case "assistant":
      return new AIMessage({
        content: message.content,
        // What could not be parsed goes back as no arguments: several servers refuse broken JSON in the history.
        tool_calls: message.toolRequests.map((request) => ({
          id: request.id,
          name: request.tool,
          args: request.arguments,
        })),
      });
    case "tool":
      return new ToolMessage({ content: message.content, tool_call_id: message.toolRequestId });
  }
}
