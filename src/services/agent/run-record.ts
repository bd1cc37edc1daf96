/** Keeps what happened in one run: how long each step took, and what each tool was asked and answered. */
import { z } from "zod";
import type { AgentEvent } from "../../agents/agent.ts";

/** The header that tells the steps must stay small enough for every proxy. */
const STEPS_TOLD_MAX = 50;
const MILLI = 1000;

const Step = z.object({ name: z.string(), seconds: z.number() });
type Step = z.infer<typeof Step>;

/** One call of a tool, as contract 9.1 tells it. */
export const Trace = z.object({
  tool: z.string(),
  args: z.record(z.string(), z.unknown()),
  success: z.boolean(),
  output: z.string(),
  duration_secs: z.number(),
});
type Trace = z.infer<typeof Trace>;

export const Timings = z.object({
  steps: z.array(Step),
  server_elapsed_s: z.number(),
  agent: z.string(),
});
type Timings = z.infer<typeof Timings>;

function rounded(seconds: number): number {
  return Math.round(seconds * MILLI) / MILLI;
}

export class RunRecord {
  readonly #agent: string;
  readonly #started = performance.now();
  readonly #steps: Step[] = [];
  readonly #traces: Trace[] = [];
  readonly #arguments = new Map<string, Record<string, unknown>>();

  constructor(agent: string) {
    this.#agent = agent;
  }

  /** Whether a tool was begun: asking for the same answer again would run it again. */
  get toolsRan(): boolean {
    return this.#arguments.size > 0;
  }

  note(event: AgentEvent): void {
    if (event.type === "model_end") {
      this.#steps.push({ name: "model", seconds: rounded(event.seconds) });
    } else if (event.type === "tool_start") {
      this.#arguments.set(event.id, event.arguments);
    } else if (event.type === "tool_end") {
      const seconds = rounded(event.seconds);
      this.#steps.push({ name: `tool:${event.tool}`, seconds });
      this.#traces.push({
        tool: event.tool,
        args: this.#arguments.get(event.id) ?? {},
        success: event.success,
        output: event.output,
        duration_secs: seconds,
      });
    }
  }

  timings(): Timings {
    return {
      steps: this.#steps.slice(0, STEPS_TOLD_MAX),
      server_elapsed_s: rounded((performance.now() - this.#started) / MILLI),
      agent: this.#agent,
    };
  }

  traces(): Trace[] {
    return this.#traces;
  }
}
