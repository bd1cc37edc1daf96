/** What a client says it can be asked and told, for a tool. */
import {
  type ClientCapabilities,
  LOG_LEVEL_META_KEY,
  type ServerContext,
} from "@modelcontextprotocol/server";
import type { Askable } from "../../contract/tool.ts";
import { type CallerAbilities, LogLevel } from "../../contract/tool-call.ts";

function asksOf(capabilities: ClientCapabilities | undefined): Askable[] {
  const { elicitation, sampling, roots } = capabilities ?? {};
  const asks: Askable[] = [];
  // An empty object means forms, as before there was anything else.
  if (elicitation !== undefined && (elicitation.form ?? !elicitation.url)) asks.push("elicitation");
  if (elicitation?.url !== undefined) asks.push("elicitation_url");
  if (sampling !== undefined) asks.push("sampling");
  if (roots !== undefined) asks.push("roots");
  return asks;
}

/** On the new wire each request says which messages it wants; before, a session does, if there is one. */
function logLevelOf(context: ServerContext, session: LogLevel | undefined): LogLevel | null {
  const own = LogLevel.safeParse(
    Reflect.get(context.mcpReq.envelope ?? {}, LOG_LEVEL_META_KEY),
  ).data;
  return own ?? session ?? null;
}

interface Client {
  capabilities: ClientCapabilities | undefined;
  logLevel?: LogLevel | undefined;
}

/** For a call that says nothing of it itself. */
export function plainAbilities({ capabilities, logLevel }: Client): CallerAbilities {
  return { asks: asksOf(capabilities), progress: false, log_level: logLevel ?? null };
}

export function abilitiesOf(context: ServerContext, client: Client): CallerAbilities {
  return {
    ...plainAbilities(client),
    progress: context.mcpReq._meta?.progressToken !== undefined,
    log_level: logLevelOf(context, client.logLevel),
  };
}
