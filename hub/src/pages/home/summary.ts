/** The state of the whole Luna in one sentence. */
import type { Overview, ProcessView } from "../../../../src/contract/process.ts";

type Summarised = Pick<Overview, "phase" | "problems"> & {
  processes: readonly Pick<ProcessView, "label" | "kind" | "status" | "health">[];
};

export function summaryOf(overview: Summarised): string {
  const parts = overview.processes.filter(({ kind }) => kind !== "tool-host");
  const troubled = parts.filter((part) => part.status !== "running" || part.health === "unhealthy");
  const running = parts.length - troubled.length;
  if (overview.phase === "stopping") return "Luna is stopping.";
  if (overview.phase === "starting")
    return `Luna is starting: ${running} of ${parts.length} parts run.`;
  return [runningText(troubled, parts.length), needsText(overview.problems.length)].join(" ");
}

function runningText(troubled: readonly { label: string }[], total: number): string {
  const [first, ...others] = troubled;
  if (first === undefined) return "Everything runs.";
  if (others.length === 0) return `Everything runs except ${first.label}.`;
  return `${total - troubled.length} of ${total} parts run.`;
}

function needsText(problems: number): string {
  if (problems === 0) return "Nothing needs you.";
  return problems === 1 ? "One thing needs you." : `${problems} things need you.`;
}
