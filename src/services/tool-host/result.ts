/** A tool's result as JSON text, within its bound. */
import type { ToolResult } from "../../contract/tool.ts";
import { messageOf } from "../../lib/errors.ts";
import { failure, type Subject } from "../../tools/limits.ts";

/** The object that has to fit the tool's output schema. */
export function structuredOf(result: ToolResult): unknown {
  return result.content === undefined ? result.payload : result.structured;
}

function tooLarge(subject: Subject, size: string, bytesMax: number): string {
  const what = `its result has ${size} as JSON, more than the ${bytesMax} allowed (tool_host.result_bytes_max)`;
  return JSON.stringify(failure(subject, what));
}

interface Bound {
  subject: Subject;
  bytesMax: number;
}

/** Writes the result as JSON once; what JSON cannot say, or what is too large, is a failure. */
export function encodeResult(result: ToolResult, { subject, bytesMax }: Bound): string {
  const { success, payload: given, content, structured } = result;
  // Its JSON cannot be shorter: saves writing a hundred megabytes to find that out.
  if (typeof given === "string" && given.length > bytesMax) {
    return tooLarge(subject, `over ${given.length} bytes`, bytesMax);
  }
  let payload: string | undefined;
  let more = "";
  try {
    payload = JSON.stringify(given);
    if (content !== undefined) more = `,${JSON.stringify({ content, structured }).slice(1, -1)}`;
  } catch (error) {
    return JSON.stringify(failure(subject, `its result is no JSON value (${messageOf(error)})`));
  }
  if (payload === undefined) {
    return JSON.stringify(failure(subject, `its result is a ${typeof given}, no JSON value`));
  }
  const bytes = Buffer.byteLength(payload) + Buffer.byteLength(more);
  if (bytes > bytesMax) return tooLarge(subject, `${bytes} bytes`, bytesMax);
  return `{"success":${success},"payload":${payload}${more}}`;
}
