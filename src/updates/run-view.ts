/** A run as its journal tells it, for people and for whoever has to go on with it. Pure. */
import type { RunEvent, RunState, RunView } from "../contract/run.ts";

const LOG_LINES_MAX = 40;

type Unit = RunView["units"][number];

/** The run after one more event; undefined as long as nothing began it. */
export function afterEvent(view: RunView | undefined, event: RunEvent): RunView | undefined {
  if (event.event === "run") return began(event);
  return view === undefined ? undefined : withEvent(view, event);
}

function began(event: Extract<RunEvent, { event: "run" }>): RunView {
  return {
    ...{ id: event.id, by: event.by, state: "waiting", started_at: event.at, ended_at: null },
    ...{ attempt: 0, notes: [] },
    units: event.operations.map((operation) => ({
      ...{ operation, state: "waiting", step: null, reason: null, last_lines: [] },
    })),
  };
}

function withEvent(view: RunView, event: Exclude<RunEvent, { event: "run" }>): RunView {
  switch (event.event) {
    case "attempt":
      return { ...view, state: "running", attempt: event.attempt };
    case "note":
      return { ...view, notes: [...view.notes, event.text] };
    case "end":
      return { ...view, state: event.state, ended_at: event.at };
    case "stopped":
      return { ...view, state: "waiting" };
    case "step":
      return withUnit(view, event.unit, () => ({ state: "running", step: event.step }));
    case "log":
      return withUnit(view, event.unit, ({ last_lines }) => ({
        last_lines: [...last_lines, event.text].slice(-LOG_LINES_MAX),
      }));
    case "unit":
      return withUnit(view, event.unit, (unit) => ({
        state: event.state,
        reason: event.reason ?? null,
        last_lines: event.last_lines ?? unit.last_lines,
      }));
  }
}

function withUnit(view: RunView, index: number, change: (unit: Unit) => Partial<Unit>): RunView {
  const units = view.units.map((unit, at) => (at === index ? { ...unit, ...change(unit) } : unit));
  return { ...view, units };
}

/** undefined when the journal tells of no run. */
export function viewOfRun(events: readonly RunEvent[]): RunView | undefined {
  return events.reduce<RunView | undefined>(afterEvent, undefined);
}

/** What a run has become, out of what its units have. */
export function stateOfRun(units: readonly Pick<Unit, "state">[]): RunState {
  const has = (state: RunState): boolean => units.some((unit) => unit.state === state);
  if (!has("failed") && !has("rolled_back")) return "done";
  // Nothing has changed in the end.
  return !has("done") && !has("failed") ? "rolled_back" : "failed";
}
