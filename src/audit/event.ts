/** An event of the audit log as one bounded line: cut where it is too long, and without secrets. */
import type { AuditEvent, AuditRecord } from "../contract/audit.ts";
import { redact } from "../lib/log.ts";

const NAME_LENGTH_MAX = 200;
const ACTION_LENGTH_MAX = 64;
const TARGET_LENGTH_MAX = 300;
const ADDRESS_LENGTH_MAX = 64;
/** One text within the details. */
const TEXT_LENGTH_MAX = 500;
/** All details, as JSON. */
const DETAILS_LENGTH_MAX = 4_000;

/** A secret is taken out before the cut: half of one would not be recognised. */
function cut(text: string, lengthMax: number, secrets: readonly string[]): string {
  return text.length > lengthMax ? redact(text, secrets).slice(0, lengthMax) : text;
}

/** Postgres keeps no NUL in a text, and half a character is none. */
function clean(text: string, lengthMax: number, secrets: readonly string[]): string {
  return cut(text, lengthMax, secrets).replaceAll("\0", "\uFFFD").toWellFormed();
}

function boundedDetails(
  details: NonNullable<AuditEvent["details"]>,
  secrets: readonly string[],
): AuditEvent["details"] {
  const text = JSON.stringify(details, (_key, value: unknown) => {
    if (typeof value === "bigint") return value.toString();
    if (typeof value !== "string" || value.length <= TEXT_LENGTH_MAX) return value;
    return `${cut(value, TEXT_LENGTH_MAX, secrets)}… [cut: ${value.length} characters]`;
  });
  if (text.length <= DETAILS_LENGTH_MAX) return JSON.parse(text);
  return {
    truncated: true,
    characters: text.length,
    beginning: cut(text, DETAILS_LENGTH_MAX, secrets).toWellFormed(),
  };
}

/** What cannot be told as JSON must not lose the event. */
function detailsOf({ details }: AuditRecord, secrets: readonly string[]): AuditEvent["details"] {
  if (details === undefined || details === null) return null;
  try {
    return boundedDetails(details, secrets);
  } catch {
    return { unreadable: true };
  }
}

interface LineOptions {
  /** Milliseconds since 1970. */
  now: number;
  /** Values that must never be written. */
  secrets: readonly string[];
}

/** The line, newline included, of the event that `record` tells of, every part of it bounded. */
export function lineOf(record: AuditRecord, { now, secrets }: LineOptions): string {
  const { actor, action, target, outcome, address, duration_ms } = record;
  const text = (value: string | null | undefined, lengthMax: number): string | null =>
    typeof value === "string" ? clean(value, lengthMax, secrets) : null;
  const event: AuditEvent = {
    id: Bun.randomUUIDv7("hex", now),
    at: new Date(now).toISOString(),
    actor: { kind: actor.kind, name: clean(actor.name, NAME_LENGTH_MAX, secrets) },
    action: clean(action, ACTION_LENGTH_MAX, secrets),
    target: text(target, TARGET_LENGTH_MAX),
    outcome,
    address: text(address, ADDRESS_LENGTH_MAX),
    duration_ms: typeof duration_ms === "number" ? Math.round(duration_ms * 1000) / 1000 : null,
    details: detailsOf(record, secrets),
  };
  return `${redact(JSON.stringify(event), secrets)}\n`;
}
