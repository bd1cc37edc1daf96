/** Carries MCP messages between a client on stdio and Luna on HTTP, one by one and unchanged. */
import type { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import type { Transport } from "@modelcontextprotocol/sdk/shared/transport.js";
import {
  ErrorCode,
  isInitializeRequest,
  isJSONRPCRequest,
  isJSONRPCResultResponse,
  type JSONRPCMessage,
  type RequestId,
} from "@modelcontextprotocol/sdk/types.js";
import { z } from "zod";
import { messageOf } from "../lib/errors.ts";

/** A Luna that is busy or gone forgets the session by itself. */
const END_SESSION_MS = 1_000;

const InitializeAnswer = z.looseObject({ protocolVersion: z.string() });

interface BridgeOptions {
  local: Transport;
  remote: StreamableHTTPClientTransport;
  /** Told of everything that goes wrong, one sentence each. */
  report(text: string): void;
}

export class Bridge {
  readonly #local: Transport;
  readonly #remote: StreamableHTTPClientTransport;
  readonly #report: (text: string) => void;
  readonly #running = new Set<Promise<void>>();
  #stopped = false;
  #initializeId: RequestId | undefined;

  constructor({ local, remote, report }: BridgeOptions) {
    this.#local = local;
    this.#remote = remote;
    this.#report = report;
    local.onmessage = (message) => this.#track(this.#toRemote(message));
    local.onerror = (error) => report(messageOf(error));
    remote.onmessage = (message) => this.#track(this.#toLocal(message));
    remote.onerror = (error) => report(messageOf(error));
  }

  async start(): Promise<void> {
    await this.#remote.start();
    await this.#local.start();
  }

  /** Settles when every message that came has been answered. */
  async idle(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running);
  }

  /** Ends both sides; what Luna still runs for this client stops with it. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#endSession();
    await this.#remote.close();
    await this.#local.close();
  }

  /** Luna would wait for the client to come back otherwise. */
  async #endSession(): Promise<void> {
    const late = Promise.withResolvers<void>();
    const timer = setTimeout(late.resolve, END_SESSION_MS);
    try {
      await Promise.race([this.#remote.terminateSession(), late.promise]);
    } catch (error) {
      this.#report(messageOf(error));
    } finally {
      clearTimeout(timer);
    }
  }

  #track(work: Promise<void>): void {
    const tracked = work
      .catch((error) => this.#report(messageOf(error)))
      .finally(() => this.#running.delete(tracked));
    this.#running.add(tracked);
  }

  async #toRemote(message: JSONRPCMessage): Promise<void> {
    if (isInitializeRequest(message) && isJSONRPCRequest(message)) this.#initializeId = message.id;
    try {
      await this.#remote.send(message);
    } catch (error) {
      // `onerror` has told of it; a notification has no answer, and nobody reads one after the end.
      if (this.#stopped || !isJSONRPCRequest(message)) return;
      await this.#local.send({
        jsonrpc: "2.0",
        id: message.id,
        error: { code: ErrorCode.InternalError, message: messageOf(error) },
      });
    }
  }

  async #toLocal(message: JSONRPCMessage): Promise<void> {
    // The HTTP side names the negotiated version in a header, which stdio has no need of.
    if (isJSONRPCResultResponse(message) && message.id === this.#initializeId) {
      const answer = InitializeAnswer.safeParse(message.result).data;
      if (answer !== undefined) this.#remote.setProtocolVersion(answer.protocolVersion);
    }
    await this.#local.send(message);
  }
}
