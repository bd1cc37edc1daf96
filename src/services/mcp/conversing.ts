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
import { CallKind, type HostEvent } from "../../contract/tool-call.ts";
import { LunaError, messageOf, NotFoundError } from "../../lib/errors.ts";
import type { Outcome } from "../../tools/client.ts";
import { type Serving, stateBinding } from "./serving.ts";

const TicketSchema = z.object({
  kind: CallKind,
  name: z.string(),
  extension: z.string(),
  pid: z.int(),
  call: z.string(),
});

interface Wanted {
  kind: CallKind;
  extension: string;
  /** As the tool host knows it. */
  name: string;
  arguments: Record<string, unknown>;
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

/** Begins the call, or goes on with the one that the client brings answers to. */
async function go(serving: Serving, context: ServerContext, wanted: Wanted): Promise<Outcome> {
  const { announce } = serving;
  const { client } = serving.tools;
  const { mcpReq } = context;
  const { caller } = serving.askedOf(context);
  const listening = {
    signal: mcpReq.signal,
    abilities: serving.abilitiesOf(context),
    onEvent: (event: HostEvent): void => {
      if (event.event === "changed") announce(wanted.extension, event);
      else forward(event, context);
    },
  };
  const { kind, extension, name, arguments: given } = wanted;
  const answers = mcpReq.inputResponses;
  const state = mcpReq.requestState();
  if (state !== undefined) {
    const ticket = TicketSchema.safeParse(state).data;
    if (ticket?.kind !== kind || ticket.name !== name) {
      const message = "Invalid requestState: it is of another request";
      throw new ProtocolError(ProtocolErrorCode.InvalidParams, message);
    }
    return client.resume({
      ...listening,
      ticket,
      caller,
      arguments: given,
      answers: answers ?? {},
    });
  }
  if (kind !== "tool") {
    return client.serve({ ...listening, kind, extension, name, arguments: given, answers });
  }
  return client.converse({ ...listening, tool: name, arguments: given, caller, answers });
}

async function outcomeOf(
  serving: Serving,
  context: ServerContext,
  wanted: Wanted,
): Promise<Outcome> {
  const { session } = serving;
  if (session !== undefined) session.running += 1;
  try {
    return await go(serving, context, wanted);
  } catch (error) {
    const failed = (payload: string): Outcome => ({
      kind: "result",
      result: { success: false, payload },
    });
    // Nobody waits any more: what went wrong then is of no interest.
    if (context.mcpReq.signal.aborted) return failed("Cancelled");
    if (error instanceof ProtocolError) throw error;
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

/** The call's result, or what the client has to be asked first. The log gets that it was called, never with what. */
export async function converse(
  serving: Serving,
  context: ServerContext,
  wanted: Wanted,
): Promise<{ result: ToolResult } | { required: InputRequiredResult }> {
  const asked = serving.askedOf(context);
  const { signal } = context.mcpReq;
  const startedMs = performance.now();
  const outcome = await outcomeOf(serving, context, wanted);
  serving.log.info(wanted.kind === "tool" ? "Tool called" : "Asked", {
    server: asked.server,
    [wanted.kind]: wanted.name,
    ...(outcome.kind === "questions" ? { asks: true } : { success: outcome.result.success }),
    ...(signal.aborted ? { cancelled: messageOf(signal.reason) } : {}),
    duration_ms: Math.round(performance.now() - startedMs),
  });
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
