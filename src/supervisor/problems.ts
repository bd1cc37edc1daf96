/** What a person has to know and can act on, out of the states of the processes. */
import type { Problem, ProcessView } from "../contract/process.ts";

const LOG_LINES = 20;

/**
 * The problems of one moment. Pure but for `lastLines`, which reads a log's end.
 * @param lastLines the last lines of the log of the named process
 */
export function problemsOf(
  views: readonly ProcessView[],
  lastLines: (name: string, lines: number) => readonly string[],
): Problem[] {
  return views.flatMap((view) => {
    if (view.status !== "fatal") return [];
    const why = view.last_exit ?? "its end is unknown";
    const tail = lastLines(view.name, LOG_LINES).join("\n");
    const isPort = why.includes("is taken by");
    return [
      {
        id: `process-${view.name}`,
        severity: "error" as const,
        title: `${view.label} does not run: ${why}`,
        detail: tail === "" ? `logs/${view.name}.log is empty.` : tail,
        fix: isPort
          ? `Stop the program that holds the port, or start Luna with another LUNA_PORT_OFFSET; then restart ${view.label}.`
          : `Read the last lines of logs/${view.name}.log below, mend what they say, then restart ${view.label}.`,
        since: view.started_at ?? new Date(0).toISOString(),
      },
    ];
  });
}
