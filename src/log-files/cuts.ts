/** Where a growing file of lines may be cut. */
import { readFully } from "./view.ts";

const NEWLINE = 0x0a;
const CHUNK_BYTES = 64 * 1024;

/** The last end of a line in (from, to]; undefined when no line ends there. */
function lastLineEnd(fd: number, from: number, to: number): number | undefined {
  for (let high = to; high > from; high -= CHUNK_BYTES) {
    const low = Math.max(from, high - CHUNK_BYTES);
    const newline = readFully(fd, low, high - low).lastIndexOf(NEWLINE);
    if (newline >= 0) return low + newline + 1;
  }
  return undefined;
}

/** The first end of a line in [from, to]; undefined when no line ends there. */
function firstLineEnd(fd: number, from: number, to: number): number | undefined {
  // A line may end with the byte just before.
  for (let low = Math.max(0, from - 1); low < to; low += CHUNK_BYTES) {
    const newline = readFully(fd, low, Math.min(CHUNK_BYTES, to - low)).indexOf(NEWLINE);
    if (newline >= 0) return low + newline + 1;
  }
  return undefined;
}

export interface Cut {
  /** So many whole blocks at the beginning can be given back to the disk. */
  bytes: number;
  /** The first end of a line behind them: all before it is rotated. */
  end: number;
}

/**
 * Where to cut a file of which `from` on is still needed; undefined when there is too little to gain.
 * A line that lies across the last block's end stays in the file in part, and is blanked there.
 */
export function chooseCut(
  fd: number,
  { from, size, blockBytes }: { from: number; size: number; blockBytes: number },
): Cut | undefined {
  // One endless line is cut where it is.
  const last = lastLineEnd(fd, from, size) ?? size;
  // A file cannot be collapsed up to its very end.
  const bytes = Math.floor((last - 1) / blockBytes) * blockBytes;
  if (bytes <= from) return undefined;
  return { bytes, end: firstLineEnd(fd, bytes, last) ?? last };
}

/** Cuts [from, to) into pieces of whole lines, each of about `bytesMax`; the last `kept` of them. */
export function choosePieces(
  fd: number,
  range: { from: number; to: number; bytesMax: number; kept: number },
): { from: number; to: number }[] {
  const { to, bytesMax, kept } = range;
  // What would be removed again at once is not copied.
  const oldest = to - kept * bytesMax;
  let from = oldest > range.from ? (firstLineEnd(fd, oldest, to) ?? oldest) : range.from;
  const pieces: { from: number; to: number }[] = [];
  while (from < to) {
    const limit = from + bytesMax;
    // A little more than one piece is still one.
    const isLast = to - from <= bytesMax * 1.5;
    const end = isLast ? to : (lastLineEnd(fd, from, limit) ?? limit);
    pieces.push({ from, to: end });
    from = end;
  }
  return pieces;
}
