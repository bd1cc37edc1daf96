/** Processes that were given up, that fail again and again, or that somebody stopped. */
import type { ProcessView } from "../../contract/process.ts";
import type { Finding } from "../problems.ts";

const LOG_LINES = 20;
/** Fewer failures are an accident that was put right. */
const CRASH_LOOP_MIN = 3;

interface Sight {
  /** The last lines of the log of the named process. */
  lastLines(name: string, lines: number): readonly string[];
}

function tailOf(name: string, sight: Sight): string {
  const tail = sight.lastLines(name, LOG_LINES).join("\n");
  return tail === "" ? `logs/${name}.log is empty.` : tail;
}

/** What the program's own words, or its port's holder, ask for. */
function whatToFix(view: ProcessView): string {
  return view.last_exit?.includes("is taken by") === true
    ? "Stop the program that holds the port, or start Luna with another LUNA_PORT_OFFSET"
    : `Fix what the last lines of logs/${view.name}.log say`;
}

function fatal(view: ProcessView, sight: Sight): Finding {
  return {
    id: `process-${view.name}`,
    severity: "error",
    title: `${view.label} does not run: ${view.last_exit ?? "its end is unknown"}`,
    detail: tailOf(view.name, sight),
    fix: `${whatToFix(view)}; then: luna restart ${view.name}`,
  };
}

function crashLoop(view: ProcessView, failures: number, sight: Sight): Finding {
  return {
    id: `process-${view.name}`,
    severity: "warning",
    title: `${view.label} fails again and again: ${failures} times, last ${view.last_exit ?? "for an unknown reason"}`,
    detail: tailOf(view.name, sight),
    fix: `${whatToFix(view)}; Luna tries again by itself, at once with: luna restart ${view.name}`,
  };
}

/** Between two crashes it runs for a moment. */
const LOOPING = ["backoff", "starting", "running"];

function isCrashLooping({ status, failures = 0 }: ProcessView): boolean {
  return failures >= CRASH_LOOP_MIN && LOOPING.includes(status);
}

export function processProblems(views: readonly ProcessView[], sight: Sight): Finding[] {
  return views.flatMap((view) => {
    if (view.status === "fatal") return [fatal(view, sight)];
    if (isCrashLooping(view)) return [crashLoop(view, view.failures ?? 0, sight)];
    if (view.status !== "stopped" || view.stopped_by_hand !== true) return [];
    return [
      {
        id: `process-${view.name}`,
        severity: "warning" as const,
        title: `${view.label} is stopped`,
        detail: "Somebody stopped it by hand. The next start of Luna starts it, too.",
        fix: `Start it: luna start ${view.name}`,
      },
    ];
  });
}
