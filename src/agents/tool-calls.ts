/** Runs the tools that a model asked for, all of one step at once, and puts their results into words for it. */
import type { Caller } from "../contract/audit.ts";
import type { ToolResult } from "../contract/tool.ts";
import { messageOf } from "../lib/errors.ts";
import type { AgentEvent } from "./agent.ts";
import type { ToolRequest } from "./messages.ts";
import type { ToolSource } from "./tool-source.ts";

/** More calls than this in one step are a model gone astray. */
const CALLS_PER_STEP_MAX = 64;
/** A longer result would push everything else out of the model's context. */
const OUTPUT_CHARACTERS_MAX = 100_000;

type ToolEnd = Extract<AgentEvent, { type: "tool_end" }>;

interface ToolStep {
  requests: readonly ToolRequest[];
  source: ToolSource;
  /** The tools that the model was shown. */
  names: ReadonlySet<string>;
  caller: Caller;
  signal: AbortSignal;
}

/** The text of a result; that a tool failed must not look like its answer. */
function textOfResult({ success, payload }: ToolResult): string {
  const text = typeof payload === "string" ? payload : (JSON.stringify(payload) ?? "null");
  const whole = success ? text : `The tool failed: ${text}`;
  if (whole.length <= OUTPUT_CHARACTERS_MAX) return whole;
  const cut = whole.slice(0, OUTPUT_CHARACTERS_MAX);
  return `${cut}\n[cut: the first ${OUTPUT_CHARACTERS_MAX} of ${whole.length} characters]`;
}

/** Called exactly once for each request: a tool that changes something is never tried again. */
async function resultOf(request: ToolRequest, step: ToolStep): Promise<ToolResult> {
  const failed = (payload: string): ToolResult => ({ success: false, payload });
  if (step.requests.indexOf(request) >= CALLS_PER_STEP_MAX) {
    return failed(`Not run: one step may call at most ${CALLS_PER_STEP_MAX} tools`);
  }
  if (!step.names.has(request.tool)) return failed(`There is no tool "${request.tool}"`);
  if (request.fault !== undefined) return failed(`Not run: ${request.fault}`);
  try {
    return await step.source.call({
      tool: request.tool,
      arguments: request.arguments,
      caller: step.caller,
      signal: step.signal,
    });
  } catch (error) {
    step.signal.throwIfAborted();
    // The model reads why, and can go on without this tool.
    return failed(messageOf(error));
  }
}

async function endOf(request: ToolRequest, step: ToolStep): Promise<ToolEnd> {
  const started = performance.now();
  const result = await resultOf(request, step);
  return {
    type: "tool_end",
    id: request.id,
    tool: request.tool,
    success: result.success,
    output: textOfResult(result),
    seconds: (performance.now() - started) / 1000,
  };
}

/**
 * Runs one step's tools concurrently: yields each start, then each end as it happens.
 * @returns the ends in the order of the requests
 */
export async function* runTools(step: ToolStep): AsyncGenerator<AgentEvent, ToolEnd[]> {
  for (const { id, tool, arguments: args } of step.requests) {
    yield { type: "tool_start", id, tool, arguments: args };
  }
  const gone = Promise.withResolvers<never>();
  // Every await below races with this one, so an abort that nobody awaits any more is no fault.
  gone.promise.catch(() => undefined);
  const abort = (): void => gone.reject(step.signal.reason);
  if (step.signal.aborted) abort();
  step.signal.addEventListener("abort", abort, { once: true });
  try {
    const ends: ToolEnd[] = [];
    const running = new Map(
      step.requests.map((request, index) => [
        index,
        endOf(request, step).then((end) => ({ index, end })),
      ]),
    );
    while (running.size > 0) {
      const { index, end } = await Promise.race([gone.promise, ...running.values()]);
      running.delete(index);
      ends[index] = end;
      yield end;
    }
    return ends;
  } finally {
    step.signal.removeEventListener("abort", abort);
  }
}
