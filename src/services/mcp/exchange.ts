/** One HTTP request of the MCP transport, from its body to its answer, by a server made for it alone. */
import { Server } from "@modelcontextprotocol/sdk/server/index.js";
import { WebStandardStreamableHTTPServerTransport } from "@modelcontextprotocol/sdk/server/webStandardStreamableHttp.js";
import {
  CallToolRequestSchema,
  CancelledNotificationSchema,
  ErrorCode,
  isJSONRPCRequest,
  ListToolsRequestSchema,
} from "@modelcontextprotocol/sdk/types.js";
import { AjvJsonSchemaValidator } from "@modelcontextprotocol/sdk/validation/ajv-provider.js";
import { allowsToolName, insufficientScope } from "../../api-keys/scopes.ts";
import { VERSION } from "../../config/version.ts";
import type { KeyScopes } from "../../contract/api-keys.ts";
import type { Caller } from "../../contract/audit.ts";
import type { Logger } from "../../lib/log.ts";
import type { Offer } from "./offer.ts";
import type { RunningRequests } from "./running-requests.ts";
import { callTool } from "./tool-call.ts";
import type { ToolSource } from "./tool-source.ts";

/** A longer message is refused; file contents go through tools in parts. */
const MESSAGE_CHARACTERS_MAX = 4 * 1024 * 1024;
const SESSION_HEADER = "Mcp-Session-Id";
const SESSION_ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
/**
 * The SDK makes one per server, two thirds of what a request would cost. It holds nothing of a client:
 * it checks the answers to questions of the server's, which a server for one request never asks.
 */
const SHARED_VALIDATOR = new AjvJsonSchemaValidator();

interface ExchangeOptions {
  request: Request;
  /** The named server's name. */
  server: string;
  /** Who has the key that let the request in. */
  caller: Caller;
  offer: Offer;
  /** Of the key that the request came with. */
  scopes: KeyScopes;
  client: ToolSource["client"];
  running: RunningRequests;
  log: Logger;
}

/** A server is never shared: two clients' request ids would meet in it (CVE-2026-25536). */
function makeServer({ server, caller, offer, client, log }: ExchangeOptions): Server {
  const mcp = new Server(
    { name: `Luna MCP - ${server}`, version: VERSION },
    {
      capabilities: { tools: {} },
      jsonSchemaValidator: SHARED_VALIDATOR,
      ...(offer.instructions === undefined ? {} : { instructions: offer.instructions }),
    },
  );
  mcp.setRequestHandler(ListToolsRequestSchema, () => ({ tools: offer.tools }));
  mcp.setRequestHandler(CallToolRequestSchema, ({ params }, { signal }) =>
    callTool({
      ...{ server, caller, offer, client, log, signal },
      tool: params.name,
      arguments: params.arguments ?? {},
    }),
  );
  return mcp;
}

/** Looked at before any schema, for what only one kind of message needs. */
function methodOf(message: unknown): unknown {
  return typeof message === "object" && message !== null && "method" in message
    ? message.method
    : undefined;
}

/** Tells a key that is not for a tool so, rather than that there is none (MCP, Authorization, Scope Challenge Handling). */
function requireToolInScope(message: unknown, { scopes, offer }: ExchangeOptions): void {
  const name = CallToolRequestSchema.safeParse(message).data?.params.name;
  if (name === undefined) return;
  // By the patterns alone, so that they do not tell which other tools exist.
  if (!allowsToolName(scopes, name)) {
    throw insufficientScope(`call "${name}"`, `the tool "${name}"`);
  }
  if (offer.withheld.has(name)) {
    throw insufficientScope(`call "${name}"`, "tools that may change things (it is read-only)");
  }
}

function refuse(status: number, code: ErrorCode, message: string): Response {
  return Response.json({ jsonrpc: "2.0", error: { code, message }, id: null }, { status });
}

/** The client is gone, or wants no answer any more: the status for a message that gets none. */
function noAnswer(): Response {
  return new Response(null, { status: 202 });
}

/** Answers one message (or batch); resolves early, and stops the tool, when the client goes or cancels. */
async function answerMessage(
  options: ExchangeOptions,
  message: unknown,
  session: string | undefined,
): Promise<Response> {
  const { request, server, running } = options;
  const mcp = makeServer(options);
  const transport = new WebStandardStreamableHTTPServerTransport({ enableJsonResponse: true });
  await mcp.connect(transport);
  const cancelled = Promise.withResolvers<Response>();
  const cancel = (): void => {
    // Ends the signal that the tool call was given.
    void mcp.close();
    cancelled.resolve(noAnswer());
  };
  request.signal.addEventListener("abort", cancel, { once: true });
  // It may have gone while its message was read.
  if (request.signal.aborted) cancel();
  const release =
    session !== undefined && isJSONRPCRequest(message)
      ? running.add({ server, session, id: message.id }, cancel)
      : undefined;
  try {
    const answer = transport.handleRequest(request, { parsedBody: message });
    return await Promise.race([answer, cancelled.promise]);
  } finally {
    release?.();
  }
}

/**
 * Answers one POST. Nothing is kept between requests, so a restart of this process breaks no client.
 * The session id that `initialize` gives out is no state either: it only tells clients apart whose
 * request ids are the same, and any is taken.
 */
export async function exchange(options: ExchangeOptions): Promise<Response> {
  const { request, server, running } = options;
  const text = await request.text();
  if (text.length > MESSAGE_CHARACTERS_MAX) {
    const most = `${MESSAGE_CHARACTERS_MAX / 1024 / 1024} MiB`;
    return refuse(413, ErrorCode.InvalidRequest, `Cannot read the message: it is over ${most}`);
  }
  let message: unknown;
  try {
    message = JSON.parse(text);
  } catch {
    return refuse(400, ErrorCode.ParseError, "Cannot read the message: it is not valid JSON");
  }
  const header = request.headers.get(SESSION_HEADER) ?? "";
  const session = SESSION_ID.test(header) ? header : undefined;
  const method = methodOf(message);
  if (session !== undefined && method === "notifications/cancelled") {
    const id = CancelledNotificationSchema.safeParse(message).data?.params.requestId;
    if (id !== undefined) running.cancel({ server, session, id });
  }
  if (method === "tools/call") requireToolInScope(message, options);
  const answer = await answerMessage(options, message, session);
  if (method === "initialize" && answer.ok) {
    answer.headers.set(SESSION_HEADER, crypto.randomUUID());
  }
  return answer;
}
