/** The bounds of one tool call, reckoned the same way by the host that keeps them and by its clients. */
import type { ToolHostSettings } from "../contract/config.ts";
import type { ToolResult } from "../contract/tool.ts";
import type { CallKind } from "../contract/tool-call.ts";

/** An hour: what takes longer should start something and answer. */
const CALL_TIMEOUT_MAX_MS = 3_600_000;
/** Room for a failure's text, however small `result_bytes_max` is. */
const ANSWER_BYTES_MIN = 64 * 1024;
const FAILURE_LENGTH_MAX = 4_000;

/** How long a call that says `timeout_ms` may take, waiting for its turn included. */
export function callTimeoutMs(
  { timeout_ms }: { timeout_ms?: number | undefined },
  settings: ToolHostSettings,
): number {
  return Math.min(timeout_ms ?? settings.call_timeout_ms, CALL_TIMEOUT_MAX_MS);
}

/** The largest body that a tool host may answer with. */
export function answerBytesMax(settings: ToolHostSettings): number {
  return ANSWER_BYTES_MIN + settings.result_bytes_max;
}

/** What is called: a tool, a resource or a prompt, by its name. */
export interface Subject {
  kind: CallKind;
  name: string;
}

const VERBS: Record<CallKind, string> = {
  tool: "run",
  resource: "read",
  template: "read",
  prompt: "get",
};

/** A failure as the caller reads it; `what` is cut where it would be a result of its own. */
export function failure({ kind, name }: Subject, what: string): ToolResult {
  const text = what.length > FAILURE_LENGTH_MAX ? `${what.slice(0, FAILURE_LENGTH_MAX)}…` : what;
  return { success: false, payload: `Cannot ${VERBS[kind]} "${name}": ${text}` };
}

/** A limit for people: "30 s", "1.5 s", "250 ms". */
export function inWords(ms: number): string {
  return ms < 1000 ? `${ms} ms` : `${ms / 1000} s`;
}
