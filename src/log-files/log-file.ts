/** Reads a log by offsets that stay the same when it is rotated. */
import { closeSync, openSync, statSync } from "node:fs";
import { type LogPlace, logNames, placeOf } from "./place.ts";
import { readFully, type Segment, type View, withView } from "./view.ts";

export interface Chunk {
  /** The offset of the first of `bytes`. */
  start: number;
  bytes: Buffer;
  /** When its file was last written to, in milliseconds since the epoch. */
  modified: number;
}

function readSegment(view: View, segment: Segment, from: number, length: number): Chunk {
  const { modified } = segment;
  if (segment.path === undefined) {
    const bytes = view.fd === undefined ? "" : readFully(view.fd, from - view.base, length);
    return { start: from, bytes: Buffer.from(bytes), modified };
  }
  const fd = openSync(segment.path, "r");
  try {
    return { start: from, bytes: readFully(fd, from - segment.start, length), modified };
  } finally {
    closeSync(fd);
  }
}

export class LogFile {
  readonly name: string;
  readonly #place: LogPlace;

  /** @param shown what it is called where logs of several folders are seen together */
  constructor(folder: string, name: string, shown = name) {
    this.name = shown;
    this.#place = placeOf(folder, name);
  }

  /** The offsets of the first byte that is kept, and behind the last one. */
  bounds(): { begin: number; end: number } {
    return withView(this.#place, ({ segments, end }) => ({
      begin: segments[0]?.start ?? end,
      end,
    }));
  }

  /** Another text whenever something was written. */
  stamp(): string {
    const stats = statSync(this.#place.current, { throwIfNoEntry: false });
    return stats === undefined ? "" : `${stats.ino}:${stats.size}:${stats.mtimeMs}`;
  }

  /** Up to `max` bytes from the offset on, or from the first one after it that is kept. */
  readAfter(offset: number, max: number): Chunk | undefined {
    return withView(this.#place, (view) => {
      // Emptied by hand: what is there now is new.
      const from = offset > view.end ? view.head : offset;
      const segment = view.segments.find(({ end }) => end > from);
      if (segment === undefined) return undefined;
      const start = Math.max(from, segment.start);
      return readSegment(view, segment, start, Math.min(max, segment.end - start));
    });
  }

  /** Up to `max` bytes before the offset; undefined when nothing older is kept. */
  readBefore(offset: number, max: number): Chunk | undefined {
    return withView(this.#place, (view) => {
      const segment = view.segments.findLast(({ start }) => start < offset);
      if (segment === undefined) return undefined;
      const end = Math.min(offset, segment.end);
      const start = Math.max(segment.start, end - max);
      return readSegment(view, segment, start, end - start);
    });
  }
}

/** All logs of several folders. One whose name an earlier folder has taken is called `<name>-2`, and so on. */
export function logsIn(folders: readonly string[]): LogFile[] {
  const files = new Map<string, LogFile>();
  for (const folder of folders) {
    for (const name of logNames(folder)) {
      let shown = name;
      for (let next = 2; files.has(shown); next += 1) shown = `${name}-${next}`;
      files.set(shown, new LogFile(folder, name, shown));
    }
  }
  return [...files.values()];
}
