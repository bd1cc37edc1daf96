/** Answers to plain calls as the SDK would write them, byte by byte: for them it does nothing that costs so much. */
import { type JSONRPCMessage, SERVER_INFO_META_KEY } from "@modelcontextprotocol/server";
import type { ToolResult } from "../../contract/tool.ts";
import type { CallerAbilities } from "../../contract/tool-call.ts";
import type { Asked } from "./asked.ts";
import type { BegunCall } from "./begun-call.ts";
import { begin } from "./conversing.ts";
import type { SessionEvents } from "./event-store.ts";
import { serverInfoOf } from "./mcp-server.ts";
import type { PlainCall } from "./plain-call.ts";
import type { Common } from "./serving.ts";
import { toCallToolResult, wantedTool } from "./tool-call.ts";

/** The first revision whose streams begin with an event that says nothing. */
const PRIMED_SINCE = "2025-11-25";

/** Begins a plain call; undefined for a tool that is not offered. */
export function beginPlain(
  common: Common,
  { asked, abilities, call }: { asked: Asked; abilities: CallerAbilities; call: PlainCall },
): BegunCall | undefined {
  const { name, arguments: given } = call.message.params;
  const place = asked.offer.places.get(name);
  return place && begin(common, { asked, abilities, wanted: wantedTool(place, given) });
}

/** The message of 2026-07-28. */
export function modernMessage(
  asked: Asked,
  { message: { id } }: PlainCall,
  result: ToolResult,
): JSONRPCMessage {
  const _meta = { [SERVER_INFO_META_KEY]: serverInfoOf(asked) };
  const whole = { ...toCallToolResult(result), resultType: "complete", _meta };
  return { result: whole, jsonrpc: "2.0", id };
}

/** The message of the revisions before. */
export function legacyMessage({ message: { id } }: PlainCall, result: ToolResult): JSONRPCMessage {
  return { result: toCallToolResult(result), jsonrpc: "2.0", id };
}

export function jsonAnswer(message: JSONRPCMessage): Response {
  const headers = { "Content-Type": "application/json" };
  return new Response(JSON.stringify(message), { headers });
}

interface SessionStream {
  /** Of the session. */
  id: string;
  events: SessionEvents;
  retryMs: number;
  /** Of the request. */
  headers: Headers;
}

/** A stream that holds the message, whole; it can be asked for again like any other. */
export function streamAnswer(
  message: JSONRPCMessage,
  { id, events, retryMs, headers }: SessionStream,
): Response {
  const stream = crypto.randomUUID();
  const json = JSON.stringify(message);
  const isPrimed = (headers.get("MCP-Protocol-Version") ?? "") >= PRIMED_SINCE;
  const priming = isPrimed ? `id: ${events.prime(stream)}\nretry: ${retryMs}\ndata: \n\n` : "";
  const eventId = events.store(stream, message, json.length);
  return new Response(`${priming}event: message\nid: ${eventId}\ndata: ${json}\n\n`, {
    headers: {
      "Content-Type": "text/event-stream",
      "Cache-Control": "no-cache, no-transform",
      Connection: "keep-alive",
      "X-Accel-Buffering": "no",
      "mcp-session-id": id,
    },
  });
}
