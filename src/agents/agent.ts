/** What an agent is: a request in, typed events out. */
import type { Caller } from "../contract/audit.ts";
import type { Sampling, Usage } from "./chat-model.ts";
import type { AgentMessage } from "./messages.ts";
import type { ToolSource } from "./tool-source.ts";

export interface AgentRequest {
  conversation: readonly AgentMessage[];
  /** What the client remembers of its user (`X-Luna-Memory`); may be empty. */
  memory: string;
  sampling: Sampling;
  /** Whether text is wanted as it comes. */
  stream: boolean;
  /** Whether a streamed answer must tell its usage. */
  usage: boolean;
  /** The tools that whoever asks may use. */
  tools: ToolSource;
  /** Whether the agent may use them. */
  useTools: boolean;
  /** In whose name tools are called. */
  caller: Caller;
  /** Aborted when the client is gone: the model's request and the tools end with it. */
  signal: AbortSignal;
}

export type AgentEvent =
  | { type: "text"; text: string }
  | { type: "model_end"; seconds: number }
  | { type: "tool_start"; id: string; tool: string; arguments: Record<string, unknown> }
  | {
      type: "tool_end";
      id: string;
      tool: string;
      success: boolean;
      /** What the model gets to read. */
      output: string;
      seconds: number;
    }
  | {
      type: "done";
      /** The answer: the text of the last turn that had any. */
      text: string;
      finish_reason: string;
      usage: Usage | undefined;
    };

export interface Agent {
  /** The id of the model that clients choose. */
  name: string;
  /** @throws LunaError when no answer can be had; the signal's reason when it is aborted */
  run(request: AgentRequest): AsyncGenerator<AgentEvent, void>;
}
