/** Which events are wanted, and where a page of them ends. */
import { z } from "zod";
import type { AuditEvent, AuditQuery } from "../contract/audit.ts";
import { InvalidInputError } from "../lib/errors.ts";

export interface AuditFilter extends Pick<AuditQuery, "action" | "actor" | "outcome" | "text"> {
  /** Milliseconds since 1970. */
  since?: number | undefined;
  until?: number | undefined;
}

/** What follows the time in the least UUID of version 7. */
const LEAST = "7000-8000-000000000000";
const TIME_DIGITS = 12;

/** The least id that an event of this moment (milliseconds since 1970) can have. */
export function idAt(time: number): string {
  const digits = Math.max(0, Math.floor(time)).toString(16).padStart(TIME_DIGITS, "0");
  return `${digits.slice(0, 8)}-${digits.slice(8)}-${LEAST}`;
}

/** As both databases do it at least: SQLite knows no other letters. */
export function lowered(text: string): string {
  return text.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
}

/** Whether the event is wanted: the same that the database's query decides for rows. */
export function matches(event: AuditEvent, filter: AuditFilter): boolean {
  const { action, actor, outcome, since, until, text } = filter;
  if (since !== undefined && event.id < idAt(since)) return false;
  if (until !== undefined && event.id >= idAt(until)) return false;
  if (action !== undefined && !event.action.startsWith(action)) return false;
  if (actor !== undefined && event.actor.name !== actor && event.actor.kind !== actor) return false;
  if (outcome !== undefined && event.outcome !== outcome) return false;
  if (text === undefined) return true;
  const wanted = lowered(text);
  const { target, address, details } = event;
  return [event.action, event.actor.name, target, address, details && JSON.stringify(details)].some(
    (part) => part && lowered(part).includes(wanted),
  );
}

/** A page goes on with the events before this id. */
export function encodeCursor(id: string): string {
  return Buffer.from(id).toString("base64url");
}

/** @throws InvalidInputError for what no page came with */
export function decodeCursor(cursor: string): string {
  const id = z.uuid().safeParse(Buffer.from(cursor, "base64url").toString("latin1"));
  if (id.success) return id.data.toLowerCase();
  throw new InvalidInputError(
    "Cannot go on from this cursor: it should be one that an earlier page of the audit log came with",
  );
}
