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
import { converse, type Wanted } from "./conversing.ts";
import type { Serving } from "./serving.ts";
import type { Catalogue } from "./tool-source.ts";

/**
 * Blocks go as they are, a text too, anything else as JSON text, and an object besides as `structuredContent`
 * (MCP 2025-11-25, Tools, Structured Content).
 */
export function toCallToolResult({ success, payload, content, structured }: ToolResult) {
  const text = typeof payload === "string" ? payload : (JSON.stringify(payload) ?? "null");
  const own = content === undefined && isRecord(payload) ? payload : structured;
  return {
    content: content ?? [{ type: "text" as const, text }],
    ...(own === undefined ? {} : { structuredContent: own }),
    isError: !success,
  };
}

/** What is wanted of the tool at `place`. */
export function wantedTool(
  place: Catalogue["tools"][number],
  given: Record<string, unknown> = {},
): Wanted {
  const { extension, name } = place;
  return { kind: "tool", extension, name, arguments: given, place };
}

/** Calls a tool of the offer. */
export async function callTool(
  serving: Serving,
  { params }: CallToolRequest,
  context: ServerContext,
): Promise<CallToolResult | InputRequiredResult> {
  const { name } = params;
  const place = serving.askedOf(context).offer.places.get(name);
  // A tool that is switched off is not told from one that does not exist.
  if (place === undefined) {
    throw new ProtocolError(ProtocolErrorCode.InvalidParams, `Unknown tool: ${name}`);
  }
  const wanted = wantedTool(place, params.arguments);
  const outcome = await converse(serving, context, wanted);
  return "required" in outcome ? outcome.required : toCallToolResult(outcome.result);
}
