/** Lines as they are written, across rotations; what cannot be kept up with is counted, never left out in silence. */
import type { LogLine } from "../contract/logs.ts";
import type { Spans } from "./cursor.ts";
import { lineStartAfter } from "./lines.ts";
import { type LogFile, logsIn } from "./log-file.ts";
import { pageForward } from "./page.ts";
import type { Filter } from "./select.ts";

const PERIOD_MS = 200;
const BATCH_LINES_MAX = 500;
/** Who is further behind in one log goes on near its end. */
const BEHIND_BYTES_MAX = 4 * 1024 * 1024;
const SKIP_TO_BYTES = 256 * 1024;

interface Batch {
  lines: LogLine[];
  /** Where to go on after it. */
  spans: Spans;
  /** At least so many lines before these were left out. */
  gap: number;
}

interface FollowOptions {
  folders: readonly string[];
  /** Logs that are not there yet are followed when they come; none for all. */
  names: readonly string[] | undefined;
  filter: Filter;
  after: Spans;
  secrets?(): readonly string[];
  /** Takes the next lines when it settles; false ends it all. */
  onLines(batch: Batch): Promise<boolean>;
  /** Asked at each look. */
  isOver(): boolean;
}

type Span = { start: number; end: number };

export async function follow(options: FollowOptions): Promise<void> {
  const follower = new Follower(options);
  while (!options.isOver()) {
    if (!(await follower.look())) return;
    await Bun.sleep(PERIOD_MS);
  }
}

class Follower {
  readonly #options: FollowOptions;
  readonly #files = new Map<string, { file: LogFile; stamp: string | undefined }>();
  readonly #spans: Map<string, Span>;

  constructor(options: FollowOptions) {
    this.#options = options;
    this.#spans = new Map(options.after);
  }

  /** Gives all that is new; false when nobody wants it any more. */
  async look(): Promise<boolean> {
    const { filter, secrets, onLines, isOver } = this.#options;
    const files = this.#changed();
    if (files.length === 0) return true;
    for (let more = true; more && !isOver(); ) {
      let gap = 0;
      for (const file of files) gap += await this.#catchUp(file);
      const page = await pageForward({
        ...{ files, filter, limit: BATCH_LINES_MAX, after: this.#spans },
        ...(secrets === undefined ? {} : { secrets: secrets() }),
      });
      for (const [name, span] of page.spans) this.#spans.set(name, span);
      const lines = page.entries.map(({ line }) => line);
      const isNews = lines.length > 0 || gap > 0;
      if (isNews && !(await onLines({ lines, spans: this.#spans, gap }))) return false;
      more = page.more;
    }
    return true;
  }

  /** The logs that were written to since the last look. */
  #changed(): LogFile[] {
    const { folders, names = [] } = this.#options;
    const changed: LogFile[] = [];
    for (const file of logsIn(folders)) {
      if (names.length > 0 && !names.includes(file.name)) continue;
      const known = this.#files.get(file.name) ?? { file, stamp: undefined };
      const stamp = known.file.stamp();
      if (stamp !== known.stamp) changed.push(known.file);
      this.#files.set(file.name, { file: known.file, stamp });
    }
    return changed;
  }

  /** Skips what is gone, and what is too much; at least so many lines. */
  async #catchUp(file: LogFile): Promise<number> {
    const { begin, end } = file.bounds();
    const span = this.#spans.get(file.name);
    const from = span?.end ?? 0;
    const isGone = span !== undefined && from < begin;
    const next = Math.max(from, begin);
    const isBehind = end - next > BEHIND_BYTES_MAX;
    const skip = isBehind
      ? await lineStartAfter(file, { from: next, at: end - SKIP_TO_BYTES })
      : { offset: next, lines: 0 };
    // A log that was emptied by hand is ahead of itself; reading finds out.
    if (from <= end) this.#spans.set(file.name, { start: skip.offset, end: skip.offset });
    return skip.lines + (isGone ? 1 : 0);
  }
}
