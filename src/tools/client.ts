/** Calls tools in their hosts: starts a host that is not there, and reports one that died or hangs. */
import { toolCallRecord } from "../audit/tool-call.ts";
import type { AuditTrail } from "../audit/trail.ts";
import type { MasterConfigStore } from "../config/master-config.ts";
import type { Paths } from "../config/paths.ts";
import type { AuditOutcome, Caller } from "../contract/audit.ts";
import { AuditSettings } from "../contract/config.ts";
import type { ToolResult } from "../contract/tool.ts";
import { messageOf, NotFoundError } from "../lib/errors.ts";
import type { Logger } from "../lib/log.ts";
import type { CatalogueTool, ToolCatalogue } from "./catalogue.ts";
import { HostControl } from "./host-control.ts";
import { type Exchange, exchange, isResponsive, settle } from "./host-exchange.ts";
import { currentHostSocket, type HostSocket } from "./host-socket.ts";
import { answerBytesMax, callTimeoutMs, failure, inWords } from "./limits.ts";

/** The host keeps the limit itself; only one that is blocked is later than this. */
const GRACE_MS = 500;
/** A host may end, being idle, between its start and our call; more often means that it cannot live. */
const STARTS_MAX = 2;

interface ToolClientOptions {
  paths: Paths;
  catalogue: ToolCatalogue;
  config: MasterConfigStore;
  supervisorUrl: string;
  token: string;
  audit: Pick<AuditTrail, "record">;
  log: Logger;
}

interface ToolRequest {
  tool: string;
  arguments: Record<string, unknown>;
  /** For the audit log. */
  caller: Caller;
  /** Its abort reaches the tool, and is thrown. */
  signal?: AbortSignal;
}

/** What can become of a call that may have reached its host. */
type Delivered = Exclude<Exchange, { kind: "not-connected" }>;

interface SentCall {
  tool: CatalogueTool;
  /** The very process that the call went to. */
  socket: HostSocket;
  timeoutMs: number;
}

/** `promise`, or the abort of `signal` if that comes first; the work goes on for others. */
async function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return promise;
  const aborted = Promise.withResolvers<never>();
  const onAbort = (): void => aborted.reject(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  const first = Promise.race([promise, aborted.promise]);
  if (signal.aborted) onAbort();
  try {
    return await first;
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

export class ToolClient {
  readonly #options: ToolClientOptions;
  readonly #control: HostControl;

  constructor(options: ToolClientOptions) {
    this.#options = options;
    this.#control = new HostControl(options);
  }

  /**
   * Runs a tool once. Whatever goes wrong with it is a result with `success: false`.
   * A call that may have reached the tool is never sent again: tools change things.
   * @throws NotFoundError when there is no such tool
   */
  async call(request: ToolRequest): Promise<ToolResult> {
    const began = performance.now();
    let outcome: AuditOutcome = "failed";
    let reason: string | undefined;
    try {
      const result = await this.#run(request);
      if (result.success) outcome = "ok";
      return result;
    } catch (error) {
      reason = request.signal?.aborted === true ? "cancelled" : messageOf(error);
      throw error;
    } finally {
      const duration_ms = performance.now() - began;
      const settings = this.#options.config.last?.audit ?? AuditSettings.parse({});
      this.#options.audit.record(
        toolCallRecord({ ...request, outcome, duration_ms, reason }, settings.tool_arguments),
      );
    }
  }

  async #run(request: ToolRequest): Promise<ToolResult> {
    const { catalogue, config, paths } = this.#options;
    const { signal } = request;
    const tool = (await catalogue.read()).byName.get(request.tool);
    if (tool === undefined) {
      throw new NotFoundError(`Cannot run "${request.tool}": there is no tool of that name`);
    }
    const settings = (await config.read()).tool_host;
    const timeoutMs = callTimeoutMs(tool, settings);
    const call = { tool: tool.name, arguments: request.arguments };
    const limits = {
      timeoutMs: timeoutMs + GRACE_MS,
      answerBytesMax: answerBytesMax(settings),
      signal,
    };
    for (let starts = 0; ; starts += 1) {
      const socket = currentHostSocket(paths.toolHostSocket(tool.extension));
      if (socket !== undefined) {
        const outcome = await exchange(socket, call, limits);
        if (outcome.kind !== "not-connected") {
          return this.#resultOf(outcome, { tool, socket, timeoutMs });
        }
      }
      if (starts === STARTS_MAX) {
        return failure(tool.name, "its tool host was started, but does not listen");
      }
      try {
        await unlessAborted(this.#control.start(tool.extension), signal);
      } catch (error) {
        signal?.throwIfAborted();
        return failure(tool.name, `its tool host does not start: ${messageOf(error)}`);
      }
    }
  }

  async #resultOf(outcome: Delivered, sent: SentCall): Promise<ToolResult> {
    const { tool, socket } = sent;
    switch (outcome.kind) {
      case "answer":
        return outcome.result;
      case "unreadable":
        return failure(tool.name, `its tool host's answer cannot be read: ${outcome.why}`);
      case "silent":
        return this.#silent(sent);
      case "lost":
        await settle(socket);
        this.#options.log.warn("A tool host ended during a call", {
          tool: tool.name,
          extension: tool.extension,
          pid: socket.pid,
          code: outcome.code,
        });
        return failure(
          tool.name,
          `the tool host of "${tool.extension}" ended during the call; the call was not repeated, because it may have done its work in part`,
        );
    }
  }

  /** A host that still answers others is only late; one that does not is blocked, and blocks everyone. */
  async #silent(late: SentCall): Promise<ToolResult> {
    const { tool, socket } = late;
    const limit = inWords(late.timeoutMs);
    if (await isResponsive(socket)) {
      return failure(tool.name, `it gave no answer within its limit of ${limit}`);
    }
    const reason = `"${tool.name}" gave no answer within ${limit} and blocked its tool host`;
    try {
      const stopped = await this.#control.stop(tool.extension, { pid: socket.pid, reason });
      this.#options.log.warn("A blocked tool host was reported", {
        extension: tool.extension,
        pid: socket.pid,
        reason,
        stopped,
      });
      const end = stopped ? "which was stopped" : "which is not running any more";
      return failure(
        tool.name,
        `it gave no answer within its limit of ${limit} and blocked its tool host, ${end}`,
      );
    } catch (error) {
      return failure(
        tool.name,
        `it gave no answer within its limit of ${limit} and blocked its tool host, which could not be stopped: ${messageOf(error)}`,
      );
    }
  }
}
