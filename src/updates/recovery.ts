/** What is to be done about a run whose Luna ended in the middle of it: decided from its journal alone. */
import type { RunEvent } from "../contract/run.ts";
import { ATTEMPTS_MAX } from "./queue-store.ts";
import { viewOfRun } from "./run-view.ts";

export interface Recovery {
  /** `none`: it is over. `resume`: what is left is tried. `give_up`: it interrupted Luna too often. */
  next: "none" | "resume" | "give_up";
  /** The unit in the middle of which it ended: it goes back to how all was before it. */
  in_flight: number | undefined;
  /** How many executions ended without being asked to. */
  interruptions: number;
}

/** An execution that was asked to stop, or has not begun, was not interrupted. */
function interruptionsIn(events: readonly RunEvent[]): number {
  const attempts = events.filter(({ event }) => event === "attempt").length;
  return attempts - events.filter(({ event }) => event === "stopped").length;
}

export function recoveryOf(events: readonly RunEvent[]): Recovery {
  const view = viewOfRun(events);
  const isOver = view === undefined || view.ended_at !== null;
  if (isOver) return { next: "none", in_flight: undefined, interruptions: 0 };
  const running = view.units.findIndex(({ state }) => state === "running");
  const interruptions = interruptionsIn(events);
  return {
    next: interruptions >= ATTEMPTS_MAX ? "give_up" : "resume",
    in_flight: running === -1 ? undefined : running,
    interruptions,
  };
}
