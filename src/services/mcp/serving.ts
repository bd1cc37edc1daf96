/** What the handlers of a server stand on: who asks, what can be told to them, and Luna's tools. */
import type { ServerContext } from "@modelcontextprotocol/server";
import type { CallerAbilities, HostEvent, LogLevel } from "../../contract/tool-call.ts";
import type { Logger } from "../../lib/log.ts";
import type { Asked } from "./asked.ts";
import type { BegunCall } from "./begun-call.ts";
import type { Seal } from "./seal.ts";
import type { ToolSource } from "./tool-source.ts";

export type Change = Extract<HostEvent, { event: "changed" }>;

/** What all servers share. */
export interface Common {
  tools: ToolSource;
  log: Logger;
  seal: Seal;
  /** Tells everybody who is offered something of `extension` that it changed. */
  announce(extension: string, change: Change): void;
}

export interface Serving extends Common {
  /** "modern" is 2026-07-28: the client asks again with the answers; "legacy" is all before: it is asked. */
  era: "modern" | "legacy";
  /** Whoever sent the very request that is being answered. */
  askedOf(context: ServerContext): Asked;
  abilitiesOf(context: ServerContext): CallerAbilities;
  /** The call of that request, if it has begun already. */
  begunFor(context: ServerContext): BegunCall | undefined;
  /** What a session remembers; without one there is nobody to remember for. */
  session: SessionState | undefined;
}

export interface SessionState {
  log_level: LogLevel;
  /** The resources that its client wants to hear of. */
  subscriptions: Set<string>;
  /** Calls under way. */
  running: number;
}

/** The client is gone: the status for a message that gets no answer. */
export const noAnswer = (): Response => new Response(null, { status: 202 });

/** What sealed texts of one kind are bound to. */
export const stateBinding = (asked: Asked): string => `state ${asked.binding}`;
