/** Calls tools in their hosts: starts a host that is not there, and reports one that died or hangs. */
import { toolCallRecord } from "../audit/tool-call.ts";
import type { AuditTrail } from "../audit/trail.ts";
import type { MasterConfigStore } from "../config/master-config.ts";
import type { Paths } from "../config/paths.ts";
import type { AuditOutcome, Caller } from "../contract/audit.ts";
import { AuditSettings } from "../contract/config.ts";
import type { ToolResult } from "../contract/tool.ts";
import type {
  Answers,
  CallerAbilities,
  CallKind,
  HostCompletion,
  HostEvent,
  HostQuestions,
} from "../contract/tool-call.ts";
import { messageOf, NotFoundError } from "../lib/errors.ts";
import type { Logger } from "../lib/log.ts";
import { onceATurn } from "../lib/once-a-turn.ts";
import type { Catalogue, ToolCatalogue } from "./catalogue.ts";
import { HostConnections } from "./host-connection.ts";
import { HostControl } from "./host-control.ts";
import {
  askCompletion,
  type Exchange,
  exchange,
  type HostRequest,
  isResponsive,
  sendCancel,
  settle,
} from "./host-exchange.ts";
import { currentHostSocket, type HostSocket, hostSocketPath } from "./host-socket.ts";
import { answerBytesMax, callTimeoutMs, failure, inWords, type Subject } from "./limits.ts";
import { unlessAborted } from "./unless-aborted.ts";

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

/** Who waits for a call, and what can be told and asked of them. */
interface Listening {
  /** Its abort reaches the tool, and is thrown. */
  signal?: AbortSignal | undefined;
  abilities?: CallerAbilities | undefined;
  onEvent?: ((event: HostEvent) => void) | undefined;
}

/** Where a tool is, and what it says of its time. */
type Place = Pick<Catalogue["tools"][number], "own_name" | "extension" | "timeout_ms">;

interface ToolRequest extends Listening {
  tool: string;
  /** As the catalogue says now, when the caller has looked already. */
  place?: Place | undefined;
  arguments: Record<string, unknown>;
  /** For the audit log. */
  caller: Caller;
  /** To questions that the tool is known to ask. */
  answers?: Answers | undefined;
}

interface OfferedRequest extends Listening {
  kind: Exclude<CallKind, "tool">;
  extension: string;
  name: string;
  arguments: Record<string, unknown>;
  answers?: Answers | undefined;
}

/** Finds a call that asked something again, also from another process. */
export interface Ticket {
  kind: CallKind;
  name: string;
  extension: string;
  /** The very process that the call is in. */
  pid: number;
  call: string;
}

interface Resumption extends Listening {
  ticket: Ticket;
  answers: Answers;
  arguments: Record<string, unknown>;
  caller: Caller;
}

/** What becomes of a call: its result, or questions that `resume` brings the answers to. */
export type Outcome =
  | { kind: "result"; result: ToolResult }
  | { kind: "questions"; ticket: Ticket; questions: HostQuestions["questions"] };

/** What can become of a call that may have reached its host. */
type Delivered = Exclude<Exchange, { kind: "not-connected" }>;

interface SentCall {
  subject: Subject & { extension: string };
  /** The very process that the call went to. */
  socket: HostSocket;
  timeoutMs: number;
}

interface Target {
  subject: SentCall["subject"];
  /** What its host calls it, when that is another name. */
  own_name?: string | undefined;
  timeout_ms?: number | undefined;
}

export class ToolClient {
  readonly #options: ToolClientOptions;
  readonly #control: HostControl;
  readonly #connections = new HostConnections();
  readonly #socketNow = onceATurn(currentHostSocket);

  constructor(options: ToolClientOptions) {
    this.#options = options;
    this.#control = new HostControl(options);
  }

  /**
   * Runs a tool once, for a caller that cannot be asked anything. Whatever goes wrong with it is a result with
   * `success: false`. A call that may have reached the tool is never sent again: tools change things.
   * @throws NotFoundError when there is no such tool
   */
  async call(request: Omit<ToolRequest, "abilities" | "answers">): Promise<ToolResult> {
    const outcome = await this.converse(request);
    return outcome.kind === "result"
      ? outcome.result
      : failure(outcome.ticket, "it asks, and there is nobody to answer");
  }

  /** As `call`, for a caller with abilities: the tool may ask, and `resume` goes on with it. */
  converse(request: ToolRequest): Promise<Outcome> {
    return this.#audited(request, () => this.#callTool(request));
  }

  /** Goes on with a call that asked something; what has been answered before is answered no more. */
  resume(request: Resumption): Promise<Outcome> {
    const { ticket } = request;
    const go = async (): Promise<Outcome> => {
      const { kind, name, extension, pid, call } = ticket;
      const { byName } = await this.#options.catalogue.read();
      const tool = kind === "tool" ? byName.get(name) : undefined;
      const { timeout_ms } = tool ?? {};
      const path = hostSocketPath(this.#options.paths.toolHostSocket(extension), pid);
      const body = { call, answers: request.answers, ...abilitiesOf(request) };
      const sent = await this.#send(
        { subject: { kind, name, extension }, timeout_ms },
        { socket: { path, pid }, request: { word: "answer", body }, listening: request },
      );
      return sent ?? forgotten(ticket);
    };
    if (ticket.kind !== "tool") return go();
    return this.#audited({ ...request, tool: ticket.name }, go);
  }

  /** Ends a call that asked something and that nobody is going to answer. */
  cancel({ extension, pid, call }: Ticket): Promise<void> {
    const path = hostSocketPath(this.#options.paths.toolHostSocket(extension), pid);
    return sendCancel(this.#connections, { path, pid }, call);
  }

  /** Reads a resource or gets a prompt of an extension's. */
  async serve(request: OfferedRequest): Promise<Outcome> {
    const { kind, name, extension } = request;
    return this.#deliver({ subject: { kind, name, extension } }, request);
  }

  /** Suggestions for an argument; none when the host cannot be asked. */
  async complete(extension: string, asked: HostCompletion): Promise<string[]> {
    for (let starts = 0; ; starts += 1) {
      const socket = currentHostSocket(this.#options.paths.toolHostSocket(extension));
      const answer = socket && (await askCompletion(this.#connections, socket, asked));
      if (answer !== undefined && "values" in answer) return answer.values;
      const why = answer?.wrong ?? "it does not run";
      if (answer?.isConnected === true || starts === STARTS_MAX) {
        this.#options.log.warn("A tool host gave no suggestions", { extension, why });
        return [];
      }
      await this.#control.start(extension);
    }
  }

  async #audited(
    request: Pick<ToolRequest, "tool" | "arguments" | "caller" | "signal">,
    work: () => Promise<Outcome>,
  ): Promise<Outcome> {
    const began = performance.now();
    let outcome: AuditOutcome = "failed";
    let reason: string | undefined;
    try {
      const became = await work();
      if (became.kind === "questions") reason = "it asked its client, and goes on with the answer";
      if (became.kind === "questions" || became.result.success) outcome = "ok";
      return became;
    } catch (error) {
      reason = request.signal?.aborted === true ? "cancelled" : messageOf(error);
      throw error;
    } finally {
      const { tool, caller, arguments: given } = request;
      const duration_ms = performance.now() - began;
      const settings = this.#options.config.last?.audit ?? AuditSettings.parse({});
      const facts = { tool, caller, arguments: given, outcome, duration_ms, reason };
      this.#options.audit.record(toolCallRecord(facts, settings.tool_arguments));
    }
  }

  async #callTool(request: ToolRequest): Promise<Outcome> {
    const { tool: name } = request;
    const place = request.place ?? (await this.#options.catalogue.read()).byName.get(name);
    if (place === undefined) {
      throw new NotFoundError(`Cannot run "${name}": there is no tool of that name`);
    }
    const { own_name, extension, timeout_ms } = place;
    const subject = { kind: "tool", name, extension } as const;
    return this.#deliver({ subject, own_name, timeout_ms }, request);
  }

  /** Brings a new call to its host, which is started when it is not there. */
  async #deliver(
    target: Target,
    call: Listening & { arguments: Record<string, unknown>; answers?: Answers | undefined },
  ): Promise<Outcome> {
    const { subject, own_name } = target;
    const { kind, name, extension } = subject;
    const body = {
      ...(kind === "tool" ? {} : { kind }),
      ...{ name: own_name ?? name, arguments: call.arguments, ...abilitiesOf(call) },
      ...(call.answers === undefined ? {} : { answers: call.answers }),
    };
    for (let starts = 0; ; starts += 1) {
      const link = this.#options.paths.toolHostSocket(extension);
      // Who finds nobody there looks again for itself.
      const socket = starts === 0 ? this.#socketNow(link) : currentHostSocket(link);
      if (socket !== undefined) {
        const request = { word: "call", body } as const;
        const outcome = await this.#send(target, { socket, request, listening: call });
        if (outcome !== undefined) return outcome;
      }
      if (starts === STARTS_MAX) {
        return failed(subject, "its tool host was started, but does not listen");
      }
      try {
        await unlessAborted(this.#control.start(extension), call.signal);
      } catch (error) {
        call.signal?.throwIfAborted();
        return failed(subject, `its tool host does not start: ${messageOf(error)}`);
      }
    }
  }

  /** One exchange; undefined when it was certainly not delivered. */
  async #send(
    { subject, timeout_ms }: Target,
    sending: { socket: HostSocket; request: HostRequest; listening: Listening },
  ): Promise<Outcome | undefined> {
    const { socket, request, listening } = sending;
    const { config } = this.#options;
    // It was looked at just now, to find the tool.
    const settings = (config.last ?? (await config.read())).tool_host;
    const timeoutMs = callTimeoutMs({ timeout_ms }, settings);
    const delivered = await exchange(this.#connections, socket, {
      ...request,
      timeoutMs: timeoutMs + GRACE_MS,
      answerBytesMax: answerBytesMax(settings),
      signal: listening.signal,
      onEvent: listening.onEvent,
    });
    if (delivered.kind === "not-connected") return undefined;
    return this.#outcomeOf(delivered, { subject, socket, timeoutMs });
  }

  async #outcomeOf(delivered: Delivered, sent: SentCall): Promise<Outcome> {
    const { subject, socket } = sent;
    switch (delivered.kind) {
      case "answer": {
        const { end } = delivered;
        if (!("questions" in end)) return { kind: "result", result: end };
        const ticket = { ...subject, pid: socket.pid, call: end.call };
        return { kind: "questions", ticket, questions: end.questions };
      }
      case "forgotten":
        return forgotten(subject);
      case "unreadable":
        return failed(subject, `its tool host's answer cannot be read: ${delivered.why}`);
      case "silent":
        return this.#silent(sent);
      case "lost":
        await settle(socket);
        this.#options.log.warn("A tool host ended during a call", {
          tool: subject.name,
          extension: subject.extension,
          pid: socket.pid,
          code: delivered.code,
        });
        return failed(
          subject,
          `the tool host of "${subject.extension}" ended during the call; the call was not repeated, because it may have done its work in part`,
        );
    }
  }

  /** A host that still answers others is only late; one that does not is blocked, and blocks everyone. */
  async #silent(late: SentCall): Promise<Outcome> {
    const { subject, socket } = late;
    const { name, extension } = subject;
    const silence = `it gave no answer within its limit of ${inWords(late.timeoutMs)}`;
    if (await isResponsive(socket)) return failed(subject, silence);
    const reason = `"${name}" gave no answer within ${inWords(late.timeoutMs)} and blocked its tool host`;
    try {
      const stopped = await this.#control.stop(extension, { pid: socket.pid, reason });
      this.#options.log.warn("A blocked tool host was reported", {
        ...{ extension, pid: socket.pid, reason, stopped },
      });
      const end = stopped ? "which was stopped" : "which is not running any more";
      return failed(subject, `${silence} and blocked its tool host, ${end}`);
    } catch (error) {
      const why = `which could not be stopped: ${messageOf(error)}`;
      return failed(subject, `${silence} and blocked its tool host, ${why}`);
    }
  }
}

function abilitiesOf({ abilities }: Listening): { abilities?: CallerAbilities } {
  return abilities === undefined ? {} : { abilities };
}

function failed(subject: Subject, what: string): Outcome {
  return { kind: "result", result: failure(subject, what) };
}

function forgotten(subject: Subject): Outcome {
  return failed(
    subject,
    "the call that asked does not wait for answers any more; it was not repeated, because it may have done its work in part",
  );
}
