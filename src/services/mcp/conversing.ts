/** One call for a client: what it tells goes out as notifications, and what it asks comes back as answers. */
import {
  type InputRequiredResult,
  inputRequired,
  MissingRequiredClientCapabilityError,
  ProtocolError,
  ProtocolErrorCode,
  type ServerContext,
} from "@modelcontextprotocol/server";
import { z } from "zod";
import type { Askable, ToolResult } from "../../contract/tool.ts";
import {
  type Answers,
  type CallerAbilities,
  CallKind,
  type HostEvent,
} from "../../contract/tool-call.ts";
import { LunaError, messageOf, NotFoundError } from "../../lib/errors.ts";
import type { Outcome, Ticket } from "../../tools/client.ts";
import type { Asked } from "./asked.ts";
import { BegunCall } from "./begun-call.ts";
import { type Common, type Serving, stateBinding } from "./serving.ts";
import type { Catalogue, ToolSource } from "./tool-source.ts";

const TicketSchema = z.object({
  kind: CallKind,
  name: z.string(),
  extension: z.string(),
  pid: z.int(),
  call: z.string(),
});

export interface Wanted {
  kind: CallKind;
  extension: string;
  /** As the tool host knows it. */
  name: string;
  arguments: Record<string, unknown>;
  /** Of a tool. */
  place?: Catalogue["tools"][number];
}

/** For `ServerOptions.requestState.verify`: the SDK refuses what this throws at. */
export function openState(serving: Serving) {
  return (state: string, context: ServerContext): unknown => {
    const content = serving.seal.open(state, stateBinding(serving.askedOf(context)));
    if (content === undefined) throw new Error("it was not made here, or not for this key");
    return content;
  };
}

function forward(event: HostEvent, context: ServerContext): void {
  const { mcpReq } = context;
  // Late ones are dropped: the client has its answer, or has gone.
  const send = (method: string, params: Record<string, unknown>): void =>
    void mcpReq.notify({ method, params }).catch(() => undefined);
  const progressToken = mcpReq._meta?.progressToken;
  if (event.event === "progress" && progressToken !== undefined) {
    const { event: _, ...told } = event;
    send("notifications/progress", { progressToken, ...told });
  }
  if (event.event === "log") {
    const { event: _, ...told } = event;
    send("notifications/message", told);
  }
  if (event.event === "hang_up") context.http?.closeSSE?.();
}

const CAPABILITIES: Record<Askable, object> = {
  elicitation: { elicitation: { form: {} } },
  elicitation_url: { elicitation: { url: {} } },
  sampling: { sampling: {} },
  roots: { roots: {} },
};

type Listening = Parameters<ConstructorParameters<typeof BegunCall>[0]>[0];

interface Beginning {
  asked: Asked;
  abilities: CallerAbilities;
  wanted: Wanted;
  /** What the client brings, when it was asked before. */
  answers?: Answers | undefined;
  ticket?: Ticket | undefined;
}

function start(
  { client }: ToolSource,
  { asked, abilities, wanted, answers, ticket }: Beginning,
  listening: Listening,
): Promise<Outcome> {
  const { caller } = asked;
  const { kind, extension, name, arguments: given } = wanted;
  const call = { ...listening, abilities, arguments: given };
  if (ticket !== undefined) {
    return client.resume({ ...call, ticket, caller, answers: answers ?? {} });
  }
  if (kind !== "tool") return client.serve({ ...call, kind, extension, name, answers });
  return client.converse({ ...call, tool: name, place: wanted.place, caller, answers });
}

/** Begins a call. The log gets that it was called, never with what. */
export function begin({ tools, log }: Common, beginning: Beginning): BegunCall {
  const { asked, wanted } = beginning;
  const told = (more: Record<string, unknown>): void =>
    log.info(wanted.kind === "tool" ? "Tool called" : "Asked", {
      ...{ server: asked.server, [wanted.kind]: wanted.name, ...more },
    });
  return new BegunCall(async (listening) => {
    const startedMs = performance.now();
    const { signal } = listening;
    const duration_ms = (): number => Math.round(performance.now() - startedMs);
    const cancelled = () => (signal.aborted ? { cancelled: messageOf(signal.reason) } : {});
    try {
      const outcome = await start(tools, beginning, listening);
      const became =
        outcome.kind === "questions" ? { asks: true } : { success: outcome.result.success };
      told({ ...became, ...cancelled(), duration_ms: duration_ms() });
      return outcome;
    } catch (error) {
      // What nobody foresaw is told where it is answered.
      if (signal.aborted || error instanceof LunaError) {
        told({ success: false, ...cancelled(), duration_ms: duration_ms() });
      }
      throw error;
    }
  });
}

/** The ticket in the state that the client brings back, if it brings one. */
function ticketOf(context: ServerContext, wanted: Wanted): Ticket | undefined {
  const state = context.mcpReq.requestState();
  if (state === undefined) return undefined;
  const ticket = TicketSchema.safeParse(state).data;
  if (ticket?.kind === wanted.kind && ticket.name === wanted.name) return ticket;
  const message = "Invalid requestState: it is of another request";
  throw new ProtocolError(ProtocolErrorCode.InvalidParams, message);
}

async function outcomeOf(
  serving: Serving,
  context: ServerContext,
  wanted: Wanted,
): Promise<Outcome> {
  const { session, announce } = serving;
  const { signal, inputResponses: answers } = context.mcpReq;
  const ticket = ticketOf(context, wanted);
  const asked = serving.askedOf(context);
  if (session !== undefined) session.running += 1;
  try {
    const begun =
      serving.begunFor(context) ??
      begin(serving, { asked, abilities: serving.abilitiesOf(context), wanted, answers, ticket });
    begun.follow(signal, (event) => {
      if (event.event === "changed") announce(wanted.extension, event);
      else forward(event, context);
    });
    return await begun.outcome;
  } catch (error) {
    const failed = (payload: string): Outcome => ({
      kind: "result",
      result: { success: false, payload },
    });
    // Nobody waits any more: what went wrong then is of no interest.
    if (signal.aborted) return failed("Cancelled");
    if (error instanceof NotFoundError) {
      throw new ProtocolError(ProtocolErrorCode.InvalidParams, `Unknown tool: ${wanted.name}`);
    }
    if (error instanceof LunaError) return failed(error.message);
    serving.log.error("A tool call failed unexpectedly", { tool: wanted.name, error });
    const told = "Luna failed to answer this; its log says why";
    throw new ProtocolError(ProtocolErrorCode.InternalError, told);
  } finally {
    if (session !== undefined) session.running -= 1;
  }
}

/** The call's result, or what the client has to be asked first. */
export async function converse(
  serving: Serving,
  context: ServerContext,
  wanted: Wanted,
): Promise<{ result: ToolResult } | { required: InputRequiredResult }> {
  const asked = serving.askedOf(context);
  const { signal } = context.mcpReq;
  const outcome = await outcomeOf(serving, context, wanted);
  if (outcome.kind === "result") {
    const { result } = outcome;
    if (result.needs !== undefined && serving.era === "modern") {
      const requiredCapabilities = CAPABILITIES[result.needs];
      throw new MissingRequiredClientCapabilityError(
        { requiredCapabilities },
        String(result.payload),
      );
    }
    return { result };
  }
  const { ticket, questions } = outcome;
  // A client that is asked directly may give up meanwhile; one that comes again has its request answered now.
  if (serving.era === "legacy") {
    signal.addEventListener("abort", () => void serving.tools.client.cancel(ticket), {
      once: true,
    });
  }
  const requestState = serving.seal.close(ticket, stateBinding(asked));
  // The SDK looks at each question again, by its own schemas.
  return { required: inputRequired({ inputRequests: questions as never, requestState }) };
}
