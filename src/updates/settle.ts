/** What becomes of the operations that a run could not do: tried with the next start, or laid aside. */
import { ATTEMPTS_MAX, type QueueStore } from "./queue-store.ts";
import type { RunOptions } from "./run.ts";
import { restOf } from "./run-plan.ts";

/** Done twice, as after a kill, it is done once. */
export async function settle(
  run: Pick<RunOptions, "id" | "plan" | "view" | "journal">,
  { queue, isGivenUp }: { queue: QueueStore; isGivenUp: boolean },
): Promise<void> {
  const { id, plan, view, journal } = run;
  const units = view().units;
  const undone = new Set(
    units.flatMap(({ state }, index) =>
      state === "failed" || state === "rolled_back" ? [index] : [],
    ),
  );
  const isSaved = plan.queue !== null;
  if (undone.size === 0) {
    if (isSaved) await queue.forgetAttempts();
    return;
  }
  // What somebody asked for at once is told to have failed, and not done later behind their back.
  if (!isSaved && !isGivenUp) return;
  const reasons = units.flatMap(({ operation, reason }, index) =>
    undone.has(index) ? [`${operation.type} ${operation.target}: ${reason ?? ""}`] : [],
  );
  const rest = restOf(plan, { undone, run: id });
  const isLast = isGivenUp || (await queue.attempts()) >= ATTEMPTS_MAX;
  const became = isLast ? await queue.park({ ...rest, reasons }) : await queue.keepRest(rest);
  const text =
    became === "parked"
      ? "What could not be done is laid aside; retry or discard it"
      : "What could not be done stays in the queue, and is tried with the next start";
  await journal.append({ event: "note", text });
}
