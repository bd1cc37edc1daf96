/** Notices that somebody changed a file by hand: compares times and sizes now and then. */
import { statSync } from "node:fs";
import { repeatInStep } from "../lib/in-step.ts";

/** Two stat calls a second cost less than anything that could be measured. */
const PERIOD_MS = 1_000;

function stampsOf(files: readonly string[]): string {
  return files
    .map((file) => {
      try {
        const stats = statSync(file, { bigint: true, throwIfNoEntry: false });
        return `${file}:${stats?.ino}:${stats?.size}:${stats?.mtimeNs}`;
      } catch {
        // A folder that is a file now, or one that may not be read: a change from what was.
        return `${file}:unreadable`;
      }
    })
    .join("\n");
}

interface FileWatchOptions {
  /** Those that matter now, asked at each look. */
  files(): readonly string[];
  /** Whether to act although nothing has changed: what failed before may go well now. */
  isDue(): boolean;
  periodMs?: number;
  /** Never called twice at once. */
  onChange(): Promise<void>;
}

/** Calls `onChange` after a change of any of the files; returns how to end that. */
export function watchFiles(options: FileWatchOptions): () => void {
  const { files, isDue, onChange, periodMs = PERIOD_MS } = options;
  let last = stampsOf(files());
  let busy = false;
  const look = async (): Promise<void> => {
    const now = stampsOf(files());
    if (busy || (now === last && !isDue())) return;
    busy = true;
    last = now;
    try {
      await onChange();
    } finally {
      busy = false;
    }
  };
  return repeatInStep(() => void look(), periodMs);
}
