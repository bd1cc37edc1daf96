/** The last lines of a log, for the problem that a crash loop becomes. */
import { basename, dirname } from "node:path";
import { messageOf } from "../../lib/errors.ts";
import { linesBackward } from "../../log-files/lines.ts";
import { LogFile } from "../../log-files/log-file.ts";

const BYTES_MAX = 16_384;

/** Up to `lines` last lines of the log at `path`, also of what was rotated; none when there is no log. */
export function lastLines(path: string, lines: number): string[] {
  try {
    return readLastLines(path, lines);
  } catch (error) {
    // Whoever asks what is wrong with a process is to be told, also when its log is.
    return [`Cannot read "${path}": ${messageOf(error)}`];
  }
}

function readLastLines(path: string, lines: number): string[] {
  const file = new LogFile(dirname(path), basename(path, ".log"));
  const found: string[] = [];
  let bytes = 0;
  for (const { text } of linesBackward(file, file.bounds().end)) {
    bytes += text.length;
    if (bytes > BYTES_MAX && found.length > 0) break;
    if (found.length > 0 || text.trim() !== "") found.unshift(text.slice(-BYTES_MAX));
    if (found.length >= lines) break;
  }
  return found;
}
