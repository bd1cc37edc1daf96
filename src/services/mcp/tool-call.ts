/** One `tools/call`: from the client's arguments to what the protocol calls a result. */
import {
  type CallToolRequest,
  type CallToolResult,
  type InputRequiredResult,
  ProtocolError,
  ProtocolErrorCode,
  type ServerContext,
} from "@modelcontextprotocol/server";
import type { ToolResult } from "../../contract/tool.ts";
import { isRecord } from "../../lib/record.ts";
import { converse } from "./conversing.ts";
import type { Serving } from "./serving.ts";

/**
 * Blocks go as they are, a text too, anything else as JSON text, and an object besides as `structuredContent`
 * (MCP 2025-11-25, Tools, Structured Content).
 */
function toCallToolResult({ success, payload, content, structured }: ToolResult) {
  const text = typeof payload === "string" ? payload : (JSON.stringify(payload) ?? "null");
  const own = content === undefined && isRecord(payload) ? payload : structured;
  return {
    content: content ?? [{ type: "text" as const, text }],
    ...(own === undefined ? {} : { structuredContent: own }),
    isError: !success,
  };
}

/** Calls a tool of the offer. */
export async function callTool(
  serving: Serving,
  { params }: CallToolRequest,
  context: ServerContext,
): Promise<CallToolResult | InputRequiredResult> {
  const { name } = params;
  const extension = serving.askedOf(context).offer.toolOwners.get(name);
  // A tool that is switched off is not told from one that does not exist.
  if (extension === undefined) {
    throw new ProtocolError(ProtocolErrorCode.InvalidParams, `Unknown tool: ${name}`);
  }
  const wanted = { kind: "tool", extension, name, arguments: params.arguments ?? {} } as const;
  const outcome = await converse(serving, context, wanted);
  return "required" in outcome ? outcome.required : toCallToolResult(outcome.result);
}
