/** Pages of the audit log as people and programs ask for them. */
import type { AuditEvent, AuditPage } from "../contract/audit.ts";
import type { EventLog, EventPage } from "./event-log.ts";
import { type AuditFilter, decodeCursor, encodeCursor, matches } from "./filter.ts";

export interface PageRequest {
  filter: AuditFilter;
  cursor?: string | undefined;
  limit: number;
}

const NOTHING: EventPage = { events: [], reached: null };

function newestFirst(one: AuditEvent, other: AuditEvent): number {
  return one.id < other.id ? 1 : -1;
}

/** One of each id, the newest first. */
function merge(...lists: readonly (readonly AuditEvent[])[]): AuditEvent[] {
  const byId = new Map(lists.flat().map((event) => [event.id, event]));
  return [...byId.values()].sort(newestFirst);
}

/**
 * A page out of the database, where there is one, and of `waiting`: events that are not in it yet, or no longer.
 * Cursors are ids, so pages stay whole and the same while new events come.
 * @throws InvalidInputError for a cursor that no page came with
 */
export async function readAuditPage(
  { filter, cursor, limit }: PageRequest,
  sources: { events: EventLog | undefined; waiting?: readonly AuditEvent[] },
): Promise<AuditPage> {
  const before = cursor === undefined ? undefined : decodeCursor(cursor);
  const kept = (await sources.events?.page({ filter, before, limit })) ?? NOTHING;
  const { reached } = kept;
  const waiting = (sources.waiting ?? []).filter(
    (event) =>
      (before === undefined || event.id < before) &&
      (reached === null || event.id >= reached) &&
      matches(event, filter),
  );
  const all = merge(kept.events, waiting);
  const events = all.slice(0, limit);
  const last = all.length > limit ? (events.at(-1)?.id ?? null) : reached;
  return { events, cursor: last === null ? null : encodeCursor(last) };
}
