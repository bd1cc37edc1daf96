/** The lines in which the command line shows the parts of Luna. */
import type { ProcessView } from "../contract/process.ts";

const NAME_WIDTH = 12;
const PATH_WIDTH = 34;

export const STATUS_WORDS: Record<ProcessView["status"], string> = {
  running: "ok",
  starting: "..",
  stopping: "..",
  backoff: "!!",
  stopped: "--",
  exited: "--",
  fatal: "XX",
};

/** One part: a mark, its name, its address, and how long its start took or why it does not run. */
export function statusLine(view: ProcessView, publicUrl: string): string {
  const address = view.path === null ? "" : `${publicUrl}${view.path === "/" ? "" : view.path}`;
  const end =
    view.status === "running"
      ? view.ready_ms === null
        ? ""
        : `${Math.round(view.ready_ms)} ms`
      : `${view.status}${view.last_exit === null ? "" : `: ${view.last_exit}`}`;
  return `  ${STATUS_WORDS[view.status]}  ${view.label.padEnd(NAME_WIDTH)}  ${address.padEnd(PATH_WIDTH)}  ${end}`.trimEnd();
}
