/** Pages of lines out of several logs, merged in the order of time. */
import type { LogPage } from "../contract/logs.ts";
import { InvalidInputError } from "../lib/errors.ts";
import { decodeCursor, encodeCursor, type Spans } from "./cursor.ts";
import { type Entry, entriesBackward, entriesForward } from "./entries.ts";
import { endOfLines } from "./lines.ts";
import type { LogFile } from "./log-file.ts";
import { type Filter, matches } from "./select.ts";

/** A page is given, full or not, when so much was looked through. */
const SCANNED_BYTES_MAX = 256 * 1024 * 1024;
/** Others get their turn in between. */
const ENTRIES_PER_TURN = 500;

export interface PageOptions {
  files: readonly LogFile[];
  filter: Filter;
  limit: number;
  secrets?: readonly string[];
  scannedBytesMax?: number;
}

export interface Page {
  entries: Entry[];
  /** What of each log was looked through. */
  spans: Spans;
  /** Whether something is left in the direction that was asked for. */
  more: boolean;
}

interface Source {
  file: LogFile;
  entries: Generator<Entry>;
  head: Entry | undefined;
  span: { start: number; end: number };
}

function nextOf(entries: Generator<Entry>): Entry | undefined {
  const { done, value } = entries.next();
  return done === true ? undefined : value;
}

const aTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** The source whose head is next: of equal times that of the first source, so that nothing changes places. */
function choose(sources: readonly Source[], isBefore: (a: Entry, b: Entry) => boolean) {
  let chosen: { source: Source; head: Entry } | undefined;
  for (const source of sources) {
    const { head } = source;
    if (head === undefined) continue;
    if (chosen === undefined || isBefore(head, chosen.head)) chosen = { source, head };
  }
  return chosen;
}

interface Walk {
  isBefore(one: Entry, other: Entry): boolean;
  /** Marks the entry as looked through. */
  pass(span: Source["span"], entry: Entry): void;
  /** Whether nothing more of this log is wanted. */
  isOver(entry: Entry): boolean;
}

/** Takes entries off the sources in order, until the page is full, nothing is left, or enough was looked at. */
async function merge(sources: readonly Source[], options: PageOptions, walk: Walk): Promise<Page> {
  const { limit, filter, scannedBytesMax = SCANNED_BYTES_MAX } = options;
  const entries: Entry[] = [];
  let scanned = 0;
  for (let taken = 1; entries.length < limit && scanned < scannedBytesMax; taken += 1) {
    const next = choose(sources, walk.isBefore);
    if (next === undefined) break;
    const { source, head } = next;
    if (walk.isOver(head)) {
      source.head = undefined;
      continue;
    }
    walk.pass(source.span, head);
    scanned += head.end - head.start;
    if (matches(head, filter)) entries.push(head);
    source.head = nextOf(source.entries);
    if (taken % ENTRIES_PER_TURN === 0) await aTurn();
  }
  const spans = new Map(sources.map(({ file, span }) => [file.name, span] as const));
  return { entries, spans, more: sources.some(({ head }) => head !== undefined) };
}

/**
 * The last entries before `before`, or before the end of all logs.
 * @param withUnfinished also what follows the last newline
 */
export async function pageBackward(
  options: PageOptions & { before?: Spans | undefined; withUnfinished?: boolean },
): Promise<Page> {
  const { files, filter, before, withUnfinished = false, secrets = [] } = options;
  const endOf = (file: LogFile): number => (withUnfinished ? file.bounds().end : endOfLines(file));
  // Reversed: of equal times the last source's entry is the last one on the page.
  const sources = files.toReversed().flatMap((file): Source[] => {
    const from = before === undefined ? endOf(file) : before.get(file.name)?.start;
    // A log that is younger than the cursor has nothing from before it.
    if (from === undefined) return [];
    const entries = entriesBackward(file, { from, secrets });
    return [{ file, entries, head: nextOf(entries), span: { start: from, end: from } }];
  });
  const page = await merge(sources, options, {
    isBefore: (one, other) => one.time > other.time,
    pass: (span, entry) => {
      span.start = entry.start;
    },
    isOver: (entry) => filter.since !== undefined && entry.time < filter.since,
  });
  page.entries.reverse();
  return page;
}

/** The entries from `after` on; of logs that are younger than the cursor, from their beginning. */
export async function pageForward(options: PageOptions & { after: Spans }): Promise<Page> {
  const { files, after, secrets = [] } = options;
  const sources = files.map((file): Source => {
    const from = after.get(file.name)?.end ?? 0;
    const entries = entriesForward(file, { from, secrets });
    return { file, entries, head: nextOf(entries), span: { start: from, end: from } };
  });
  return merge(sources, options, {
    isBefore: (one, other) => one.time < other.time,
    pass: (span, entry) => {
      span.end = entry.end;
    },
    isOver: () => false,
  });
}

/** As it is told to others. */
function logPageOf({ entries, spans, more }: Page): LogPage {
  return { lines: entries.map(({ line }) => line), cursor: encodeCursor(spans), more };
}

/** The cursor of this moment: what comes after it is new. */
export function spansNow(files: readonly LogFile[]): Map<string, { start: number; end: number }> {
  return new Map(
    files.map((file) => {
      const end = endOfLines(file);
      return [file.name, { start: end, end }] as const;
    }),
  );
}

/** One page by cursor, as it is told: after the one, before the other, or the last lines there are. */
export async function readPage({
  after,
  before,
  ...options
}: PageOptions & { after?: string | undefined; before?: string | undefined }): Promise<LogPage> {
  if (after !== undefined && before !== undefined) {
    throw new InvalidInputError("Cannot show logs: give after or before, not both");
  }
  const page =
    after === undefined
      ? pageBackward({ ...options, before: before === undefined ? before : decodeCursor(before) })
      : pageForward({ ...options, after: decodeCursor(after) });
  return logPageOf(await page);
}
