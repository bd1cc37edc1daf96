/** How `luna audit` shows an event to a person. */
import type { AuditEvent } from "../contract/audit.ts";
import { withoutEscapes } from "../log-files/parse-line.ts";
import { DIM, fieldText, localTime, painter } from "./log-format.ts";

const OUTCOME_WIDTH = 7;
const ACTOR_WIDTH = 16;
const ACTION_WIDTH = 16;

const OUTCOME_COLORS: Readonly<Record<AuditEvent["outcome"], string>> = {
  ok: "",
  refused: "\u001b[33m",
  failed: "\u001b[31m",
};

/** `key:phone`; the name alone where the kind says no more. */
function actorText({ kind, name }: AuditEvent["actor"]): string {
  return name === "" || name === kind ? kind : `${kind}:${name}`;
}

function durationText(ms: number): string {
  return ms < 1_000 ? `${Math.round(ms * 10) / 10} ms` : `${Math.round(ms / 100) / 10} s`;
}

/** On one line, and without what would move a terminal's cursor: a stranger may have chosen the text. */
function plain(text: string): string {
  return withoutEscapes(text).replace(/\s+/g, " ");
}

/** The event's line, newline included: when, what came of it, who, what, to what, how long, from where, and the details. */
export function formatEvent(event: AuditEvent, color: boolean): string {
  const { at, outcome, actor, action, target, duration_ms, address, details } = event;
  const paint = painter(color);
  const facts = [
    ...(target === null ? [] : [target]),
    ...(duration_ms === null ? [] : [durationText(duration_ms)]),
    ...(address === null ? [] : [`from ${address}`]),
    ...Object.entries(details ?? {}).map(fieldText),
  ];
  const parts = [
    paint(localTime(at), DIM),
    paint(outcome.padEnd(OUTCOME_WIDTH), OUTCOME_COLORS[outcome]),
    plain(actorText(actor)).padEnd(ACTOR_WIDTH),
    plain(action).padEnd(ACTION_WIDTH),
    facts.map(plain).join("  "),
  ];
  return `${parts.join("  ").trimEnd()}\n`;
}
