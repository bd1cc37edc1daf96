/** What an agent needs of the tools: to see them, and to call one. */
import type { Caller } from "../contract/audit.ts";
import type { ToolDescription, ToolResult } from "../contract/tool.ts";

/** The tools at one moment. The same object comes back as long as nothing changed. */
export interface ToolSet {
  tools: readonly (ToolDescription & { extension: string })[];
  system_prompts: readonly { extension: string; text: string }[];
}

export interface ToolSource {
  read(): Promise<ToolSet>;
  /** A tool's failure is a result with `success: false`; an unknown tool throws. */
  call(request: {
    tool: string;
    arguments: Record<string, unknown>;
    caller: Caller;
    signal?: AbortSignal;
  }): Promise<ToolResult>;
}
