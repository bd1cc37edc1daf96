/** One `tools/call`: from the client's arguments to what the protocol calls a result. */
import { type CallToolResult, ErrorCode } from "@modelcontextprotocol/sdk/types.js";
import type { Caller } from "../../contract/audit.ts";
import type { ToolResult } from "../../contract/tool.ts";
import { LunaError, messageOf, NotFoundError } from "../../lib/errors.ts";
import type { Logger } from "../../lib/log.ts";
import type { Offer } from "./offer.ts";
import type { ToolSource } from "./tool-source.ts";

interface ToolCallOptions {
  /** The named server's name, for the log. */
  server: string;
  offer: Offer;
  client: ToolSource["client"];
  log: Logger;
  tool: string;
  arguments: Record<string, unknown>;
  caller: Caller;
  signal: AbortSignal;
}

/** An error that the protocol sends as `code`; the SDK's own class writes the code into the text as well. */
function rpcError(code: ErrorCode, message: string): Error & { code: ErrorCode } {
  return Object.assign(new Error(message), { code });
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/**
 * A text goes as it is, anything else as JSON text, and an object besides as `structuredContent`
 * (MCP 2025-11-25, Tools, Structured Content).
 */
function toCallToolResult({ success, payload }: ToolResult): CallToolResult {
  const text = typeof payload === "string" ? payload : (JSON.stringify(payload) ?? "null");
  return {
    content: [{ type: "text", text }],
    ...(isRecord(payload) ? { structuredContent: payload } : {}),
    isError: !success,
  };
}

async function run(options: ToolCallOptions): Promise<ToolResult> {
  const { tool, caller, signal } = options;
  try {
    return await options.client.call({ tool, arguments: options.arguments, caller, signal });
  } catch (error) {
    // Nobody waits any more: what went wrong then is of no interest.
    if (signal.aborted) return { success: false, payload: "Cancelled" };
    if (error instanceof NotFoundError) {
      throw rpcError(ErrorCode.InvalidParams, `Unknown tool: ${tool}`);
    }
    if (error instanceof LunaError) return { success: false, payload: error.message };
    options.log.error("A tool call failed unexpectedly", { tool, error });
    throw rpcError(ErrorCode.InternalError, "Luna failed to answer this; its log says why");
  }
}

/** Calls a tool of the offer; the log gets that it was called, never with what. */
export async function callTool(options: ToolCallOptions): Promise<CallToolResult> {
  const { tool, server, signal } = options;
  // A tool that is switched off is not told from one that does not exist.
  if (!options.offer.names.has(tool)) {
    throw rpcError(ErrorCode.InvalidParams, `Unknown tool: ${tool}`);
  }
  const startedMs = performance.now();
  const result = await run(options);
  options.log.info("Tool called", {
    server,
    tool,
    success: result.success,
    ...(signal.aborted ? { cancelled: messageOf(signal.reason) } : {}),
    duration_ms: Math.round(performance.now() - startedMs),
  });
  return toCallToolResult(result);
}
