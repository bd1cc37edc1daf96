/** Follows a run until it ends, by its journal; whoever else looks at it sees the same. */
import type { OperationView } from "../../contract/queue.ts";
import { type RunEvent, RunEvents, type RunState } from "../../contract/run.ts";
import { UnavailableError } from "../../lib/errors.ts";
import type { Control } from "../control.ts";
import { writeOut } from "../write-out.ts";

const POLL_MS = 150;
/** A run may restart Luna itself, which then goes on with it. */
const PATIENCE_MS = 60_000;
const NAME_WIDTH = 20;

const STEPS: Record<Extract<RunEvent, { event: "step" }>["step"], string> = {
  check: "looks whether it can be done",
  fetch: "fetches",
  validate: "looks at what came",
  packages: "installs packages",
  stop: "stops what is touched",
  back_up: "keeps what there was",
  swap: "puts it into place",
  configure: "writes the configuration",
  start: "starts",
  health: "waits until it is well",
  work: "works",
  roll_back: "puts back what there was",
};

const ENDS: Record<RunState, string> = {
  waiting: "waits",
  running: "is under way",
  done: "is done",
  failed: "could not be done; nothing has changed",
  rolled_back: "did not work; all is as it was before",
};

/** Turns events into lines, as far as people want to know them. */
class RunText {
  #operations: readonly OperationView[] = [];

  linesOf(event: RunEvent): string[] {
    switch (event.event) {
      case "run":
        this.#operations = event.operations;
        return [];
      case "attempt":
        return event.attempt === 1 ? [] : [`goes on after an interruption (${event.attempt})`];
      case "step":
        return [this.#line(event.unit, STEPS[event.step])];
      case "log":
        return [this.#line(event.unit, `  ${event.text}`)];
      case "unit":
        return [
          this.#line(event.unit, [ENDS[event.state], event.reason].filter(Boolean).join(": ")),
          ...(event.last_lines ?? []).map((text) => this.#line(event.unit, `  | ${text}`)),
        ];
      case "note":
        return [event.text];
      case "stopped":
        return ["Luna was asked to stop; its next start goes on with this"];
      case "end":
        return [];
    }
  }

  #line(unit: number, text: string): string {
    return `${(this.#operations[unit]?.target ?? "").padEnd(NAME_WIDTH)} ${text}`;
  }
}

interface Following {
  isJson: boolean;
  /** Ends before the run does; the run goes on. */
  signal?: AbortSignal;
  /** Ends with what has happened so far. */
  isOnce?: boolean;
}

async function page(control: Control, id: string, after: number): Promise<RunEvents | undefined> {
  const deadline = Date.now() + PATIENCE_MS;
  for (;;) {
    try {
      return await control.ask(`/runs/${id}/events?after=${after}`, RunEvents);
    } catch (error) {
      if (!(error instanceof UnavailableError) || Date.now() > deadline) throw error;
      await Bun.sleep(POLL_MS);
    }
  }
}

/**
 * Prints what happens in the run, a line a step, or with `isJson` an event a line.
 * @returns how it ended; `running` when the signal came first, or nobody reads the output any more
 */
export async function followRun(
  control: Control,
  id: string,
  { isJson, signal, isOnce = false }: Following,
): Promise<RunState> {
  const text = new RunText();
  let state: RunState = "running";
  for (let after = 0; signal?.aborted !== true; ) {
    const found = await page(control, id, after);
    if (found === undefined) break;
    for (const event of found.events) {
      if (event.event === "end") state = event.state;
      const lines = isJson ? [JSON.stringify(event)] : text.linesOf(event);
      for (const line of lines) if (!(await writeOut(`${line}\n`))) return state;
    }
    if (found.events.length === 0 && (found.ended || isOnce)) break;
    if (found.events.length === 0) await Bun.sleep(POLL_MS);
    after = found.cursor;
  }
  return state;
}
