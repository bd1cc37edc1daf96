/** What the audit log says of one tool call. */
import type { AuditOutcome, AuditRecord, Caller } from "../contract/audit.ts";
import type { AuditSettings } from "../contract/config.ts";

const REDACTED = "[redacted]";
/** Arguments whose values are secrets, whatever the tool. */
const SECRET_NAME =
  /pass(?:word|phrase|wd)?|secret|token|credential|api_?-?key|authorization|cookie/i;
const NAMES_MAX = 50;

interface ToolCallFacts {
  caller: Caller;
  tool: string;
  arguments: Record<string, unknown>;
  outcome: AuditOutcome;
  duration_ms: number;
  /** Why it was not answered, when that is not the tool's own affair. */
  reason: string | undefined;
}

function argumentsOf(
  given: Record<string, unknown>,
  setting: AuditSettings["tool_arguments"],
): Record<string, unknown> {
  switch (setting) {
    case "none":
      return {};
    case "names":
      return { argument_names: Object.keys(given).slice(0, NAMES_MAX) };
    case "full":
      // The copy goes through JSON: arguments come from there and hold nothing else.
      return {
        arguments: JSON.parse(
          JSON.stringify(given, (name, value) => (SECRET_NAME.test(name) ? REDACTED : value)),
        ),
      };
  }
}

export function toolCallRecord(
  facts: ToolCallFacts,
  setting: AuditSettings["tool_arguments"],
): AuditRecord {
  const { caller, tool, outcome, duration_ms, reason } = facts;
  const details = {
    ...(reason === undefined ? {} : { reason }),
    ...argumentsOf(facts.arguments, setting),
  };
  return {
    ...{ ...caller, action: "tool.call", target: tool, outcome, duration_ms },
    details: Object.keys(details).length === 0 ? null : details,
  };
}
