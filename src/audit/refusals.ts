/** Keeps floods of refusals, and of what strangers do, from filling the audit log: the first ones are told singly, the rest as counts. */
import type { AuditRecord } from "../contract/audit.ts";

export const WINDOW_MS = 60_000;
/** Told singly within a window: of one who does one thing from one address, and of all strangers together. */
export const SINGLE_PER_ADDRESS_MAX = 5;
export const SINGLE_MAX = 60;
/** Addresses that are counted one by one; all further ones are counted together. */
const ADDRESSES_MAX = 1_000;
/** Counts that are told one by one, of those who came most often. */
export const COUNTS_MAX = 20;

interface Tally {
  last: AuditRecord;
  seen: number;
  /** Those that were not told singly. */
  counted: number;
  since: number;
  until: number;
}

function summaryOf({ last, counted, since, until }: Tally): AuditRecord {
  const details = {
    ...last.details,
    count: counted,
    since: new Date(since).toISOString(),
    until: new Date(until).toISOString(),
  };
  return { ...last, details };
}

/** Several addresses in one: the address is told of none. */
function merge(tallies: readonly Tally[], addresses: number): AuditRecord[] {
  const [first] = tallies;
  if (first === undefined) return [];
  const { actor, action, outcome } = first.last;
  const summary = summaryOf({
    last: { actor, action, outcome, details: { addresses } },
    seen: 0,
    counted: tallies.reduce((sum, { counted }) => sum + counted, 0),
    since: Math.min(...tallies.map(({ since }) => since)),
    until: Math.max(...tallies.map(({ until }) => until)),
  });
  return [summary];
}

export class Refusals {
  readonly #tallies = new Map<string, Tally>();
  #single = 0;

  /** Whether there is anything for `summaries` to tell, or to forget. */
  get isEmpty(): boolean {
    return this.#tallies.size === 0;
  }

  /** Whether this one is to be told singly; it is counted otherwise. */
  admit(record: AuditRecord, now: number): boolean {
    if (record.outcome !== "refused" && record.actor.kind !== "anonymous") return true;
    const tally = this.#tallyOf(record, now);
    tally.last = record;
    tally.seen += 1;
    // There are few who are known, and any number of strangers.
    const isKnown = record.actor.kind !== "anonymous";
    if (tally.seen <= SINGLE_PER_ADDRESS_MAX && (isKnown || this.#single < SINGLE_MAX)) {
      if (!isKnown) this.#single += 1;
      return true;
    }
    if (tally.counted === 0) tally.since = now;
    tally.until = now;
    tally.counted += 1;
    return false;
  }

  /** Ends the window: what was counted in it, the most frequent first. */
  summaries(): AuditRecord[] {
    const counted = [...this.#tallies.values()]
      .filter((tally) => tally.counted > 0)
      .sort((one, other) => other.counted - one.counted);
    this.#tallies.clear();
    this.#single = 0;
    const [strangers, known] = [true, false].map((isStranger) =>
      counted.filter(({ last }) => (last.actor.kind === "anonymous") === isStranger),
    );
    const rest = Map.groupBy((strangers ?? []).slice(COUNTS_MAX), ({ last }) => last.action);
    return [
      ...(known ?? []).map(summaryOf),
      ...(strangers ?? []).slice(0, COUNTS_MAX).map(summaryOf),
      ...[...rest.values()].flatMap((tallies) => merge(tallies, tallies.length)),
    ];
  }

  #tallyOf(record: AuditRecord, now: number): Tally {
    const { action, actor, address } = record;
    const own = `${action} ${actor.kind}:${actor.name} ${address}`;
    const known = this.#tallies.get(own);
    if (known !== undefined) return known;
    const isFull = actor.kind === "anonymous" && this.#tallies.size >= ADDRESSES_MAX;
    const key = isFull ? action : own;
    const tally = this.#tallies.get(key) ?? {
      ...{ last: record, seen: 0, counted: 0, since: now, until: now },
    };
    this.#tallies.set(key, tally);
    return tally;
  }
}
