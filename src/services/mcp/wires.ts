/** Both wires of MCP on the same endpoint: which one a request is of, and who answers it. */
import { classifyInboundRequest, ProtocolErrorCode } from "@modelcontextprotocol/server";
import { z } from "zod";
import type { Logger } from "../../lib/log.ts";
import type { Asked } from "./asked.ts";
import { Audience } from "./audience.ts";
import { ModernWire } from "./modern.ts";
import { paramHeaderFault } from "./param-headers.ts";
import { Manners, type PlainCall, plainCallOf } from "./plain-call.ts";
import { Seal } from "./seal.ts";
import type { Common } from "./serving.ts";
import { type SessionLimits, Sessions } from "./sessions.ts";
import { answerStateless } from "./stateless.ts";
import type { ToolSource } from "./tool-source.ts";

/** A longer message is refused; file contents go through tools in parts. */
const MESSAGE_CHARACTERS_MAX = 4 * 1024 * 1024;
const SESSION_HEADER = "Mcp-Session-Id";
const VERSION_HEADER = "MCP-Protocol-Version";
/** What a header says against the body. */
const HEADER_MISMATCH = -32_020;
const SESSION_NOT_FOUND = -32_001;
/** The one revision that has batches, and the one that is meant where none is named. */
const BATCHING_VERSION = "2025-03-26";

const ToolCall = z.looseObject({
  method: z.literal("tools/call"),
  params: z.looseObject({ name: z.string(), arguments: z.unknown().optional() }),
});
/** What is looked at of a call. */
type ToolCall = Pick<z.infer<typeof ToolCall>, "method"> & {
  params: { name: string; arguments?: unknown };
};

interface WiresOptions {
  tools: ToolSource;
  /** For what passes through clients; the same after a restart. */
  secret: string;
  log: Logger;
  limits?: Partial<SessionLimits> | undefined;
  /** Told of a tool that a client names, before anything else is done. @throws what refuses the request */
  requireTool(name: string, asked: Asked): void;
}

function idOf(message: unknown): string | number | null {
  const parsed = z.looseObject({ id: z.union([z.string(), z.number()]) }).safeParse(message);
  return parsed.success ? parsed.data.id : null;
}

interface Refusal {
  status: number;
  code: number;
  message: string;
  data?: unknown;
  to?: unknown;
}

function refuse({ status, code, message, data, to }: Refusal): Response {
  const error = { code, message, ...(data === undefined ? {} : { data }) };
  return Response.json({ jsonrpc: "2.0", error, id: idOf(to) }, { status });
}

function headersOf(request: Request) {
  const header = (name: string) => request.headers.get(name) ?? undefined;
  const [version, method, name] = [
    header(VERSION_HEADER),
    header("Mcp-Method"),
    header("Mcp-Name"),
  ];
  return {
    ...(version === undefined ? {} : { protocolVersionHeader: version }),
    ...(method === undefined ? {} : { mcpMethodHeader: method }),
    ...(name === undefined ? {} : { mcpNameHeader: name }),
  };
}

interface LegacyPost {
  message: unknown;
  /** The message as what it is, if it is one. */
  plain: PlainCall | undefined;
  isBeginning: boolean;
}

export class Wires {
  readonly #options: WiresOptions;
  readonly #common: Common;
  readonly #modern: ModernWire;
  readonly #sessions: Sessions;
  /** Of plain calls that are of the revisions before 2026-07-28. */
  readonly #legacyManners = new Manners<true>();

  constructor(options: WiresOptions) {
    const { tools, log, secret } = options;
    this.#options = options;
    const audience = new Audience(log);
    this.#common = {
      ...{ tools, log, seal: new Seal(secret) },
      announce: (extension, change) => audience.announce(extension, change),
    };
    const common = this.#common;
    this.#modern = new ModernWire({ common, audience });
    this.#sessions = new Sessions({ common, audience, limits: options.limits });
  }

  /** Answers one POST. */
  async post(request: Request, asked: Asked): Promise<Response> {
    const text = await request.text();
    if (text.length > MESSAGE_CHARACTERS_MAX) {
      const message = `Cannot read the message: it is over ${MESSAGE_CHARACTERS_MAX / 1024 / 1024} MiB`;
      return refuse({ status: 413, code: ProtocolErrorCode.InvalidRequest, message });
    }
    let message: unknown;
    try {
      message = JSON.parse(text);
    } catch {
      const told = "Cannot read the message: it is not valid JSON";
      return refuse({ status: 400, code: ProtocolErrorCode.ParseError, message: told });
    }
    const plain = plainCallOf(message, request.headers);
    if (plain !== undefined) this.#options.requireTool(plain.message.params.name, asked);
    const answer = plain && (await this.#answerPlain(request, asked, plain));
    if (answer !== undefined) return answer;
    const call = plain?.message ?? this.#callOf(message, asked);
    const route = classifyInboundRequest({
      httpMethod: "POST",
      ...headersOf(request),
      body: message,
    });
    switch (route.kind) {
      case "reject": {
        const { httpStatus: status, code, message: told, data } = route;
        return refuse({ status, code, message: told, data, to: message });
      }
      case "modern": {
        const fault = call && this.#paramFault(request, asked, call);
        if (fault !== undefined) return refuse({ ...fault, to: message });
        if (plain !== undefined) return this.#modern.learn(request, asked, plain);
        return this.#modern.answer(request, asked, { ...route.message });
      }
      case "legacy":
        if (plain !== undefined) this.#legacyManners.set(plain, true);
        return this.#postLegacy(request, asked, {
          ...{ message, plain },
          isBeginning: route.reason === "initialize",
        });
    }
  }

  /** Opens the stream of a session (GET), or ends it (DELETE); undefined without a session. */
  async sessionRequest(request: Request, asked: Asked): Promise<Response | undefined> {
    const id = request.headers.get(SESSION_HEADER);
    if (id === null) return undefined;
    const session = await this.#sessions.find(id, asked);
    if (session === undefined) return this.#noSession();
    const answer = await session.answer(request, asked);
    if (request.method === "DELETE" && answer.ok) this.#sessions.end(id);
    return answer;
  }

  async close(): Promise<void> {
    await Promise.all([this.#modern.close(), this.#sessions.close()]);
  }

  /** Answers a plain call; undefined when nothing is known yet of those like it. */
  async #answerPlain(
    request: Request,
    asked: Asked,
    plain: PlainCall,
  ): Promise<Response | undefined> {
    if (this.#legacyManners.get(plain) === undefined) {
      return this.#modern.answerPlain(request, asked, plain);
    }
    const { message } = plain;
    return this.#postLegacy(request, asked, { message, plain, isBeginning: false });
  }

  async #postLegacy(
    request: Request,
    asked: Asked,
    { message, plain, isBeginning }: LegacyPost,
  ): Promise<Response> {
    const id = request.headers.get(SESSION_HEADER);
    if (id === null) {
      if (isBeginning) return this.#sessions.open(request, asked, message);
      const version = request.headers.get(VERSION_HEADER) ?? BATCHING_VERSION;
      const fault = this.#batchFault(message, version, asked);
      return fault ?? answerStateless(this.#common, { request, asked, message });
    }
    const session = await this.#sessions.find(id, asked);
    if (session === undefined) return this.#noSession(message);
    if (plain !== undefined) return session.answerPlain(request, asked, plain);
    const fault = this.#batchFault(message, session.protocolVersion, asked);
    return fault ?? session.answer(request, asked, message);
  }

  /** The call that `message` is, if it is one. @throws what refuses its tool */
  #callOf(message: unknown, asked: Asked): ToolCall | undefined {
    const call = ToolCall.safeParse(message).data;
    if (call !== undefined) this.#options.requireTool(call.params.name, asked);
    return call;
  }

  /** What is wrong with a batch; one that is right is counted and looked at as its messages would be. */
  #batchFault(message: unknown, version: string | undefined, asked: Asked): Response | undefined {
    if (!Array.isArray(message)) return undefined;
    if (version !== BATCHING_VERSION) {
      const told = `Cannot take a batch of messages: only revision ${BATCHING_VERSION} has them, this is ${version}; send each message by itself`;
      return refuse({ status: 400, code: ProtocolErrorCode.InvalidRequest, message: told });
    }
    asked.countMore(message.length - 1);
    for (const one of message) this.#callOf(one, asked);
    return undefined;
  }

  #noSession(to?: unknown): Response {
    const message = "Session not found: begin a new one with initialize";
    return refuse({ status: 404, code: SESSION_NOT_FOUND, message, to });
  }

  #paramFault(request: Request, { offer }: Asked, { params }: ToolCall): Refusal | undefined {
    const declared = offer.paramHeaders.get(params.name);
    const fault = declared && paramHeaderFault(declared, params.arguments, request.headers);
    if (fault === undefined) return undefined;
    return { status: 400, code: HEADER_MISMATCH, message: `Bad Request: ${fault}` };
  }
}
