/** What the MCP service needs of Luna's tools: the catalogue, and a way to call one. */
import type { Caller } from "../../contract/audit.ts";
import type { ToolDescription, ToolResult } from "../../contract/tool.ts";

/** The tools of all enabled extensions; the same object as long as nothing changed. */
export interface Catalogue {
  readonly tools: readonly (ToolDescription & { extension: string })[];
  readonly system_prompts: readonly { extension: string; text: string }[];
}

export interface ToolSource {
  catalogue: { read(): Promise<Catalogue> };
  client: {
    /**
     * A tool's own failure is a result; aborting `signal` ends the call.
     * @throws NotFoundError when there is no such tool
     */
    call(request: {
      tool: string;
      arguments: Record<string, unknown>;
      caller: Caller;
      signal?: AbortSignal;
    }): Promise<ToolResult>;
  };
}
