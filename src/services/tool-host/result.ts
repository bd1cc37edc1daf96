/** What a tool returned, as the JSON text of a `ToolResult`, within its bound. */
import type { ToolResult } from "../../contract/tool.ts";
import { messageOf } from "../../lib/errors.ts";
import { failure } from "../../tools/limits.ts";

/**
 * `[success, payload]` is the pair of specification 7.2; anything else is the payload of a success.
 * A string stays a string even when its text is JSON: parsing it would change what the tool said
 * (long numbers, key order), and every reader of text can read it as it is.
 */
export function normaliseResult(returned: unknown): ToolResult {
  const isPair =
    Array.isArray(returned) && returned.length === 2 && typeof returned[0] === "boolean";
  const success = isPair ? returned[0] === true : true;
  const payload: unknown = isPair ? returned[1] : returned;
  return { success, payload: payload ?? null };
}

function tooLarge(tool: string, size: string, bytesMax: number): string {
  const what = `its result has ${size} as JSON, more than the ${bytesMax} allowed (tool_host.result_bytes_max)`;
  return JSON.stringify(failure(tool, what));
}

interface Bound {
  tool: string;
  bytesMax: number;
}

/** Writes the result as JSON once; what JSON cannot say, or what is too large, is a failure. */
export function encodeResult(result: ToolResult, { tool, bytesMax }: Bound): string {
  // Its JSON cannot be shorter: saves writing a hundred megabytes to find that out.
  if (typeof result.payload === "string" && result.payload.length > bytesMax) {
    return tooLarge(tool, `over ${result.payload.length} bytes`, bytesMax);
  }
  let payload: string | undefined;
  try {
    payload = JSON.stringify(result.payload);
  } catch (error) {
    return JSON.stringify(failure(tool, `its result is no JSON value (${messageOf(error)})`));
  }
  if (payload === undefined) {
    return JSON.stringify(failure(tool, `its result is a ${typeof result.payload}, no JSON value`));
  }
  const bytes = Buffer.byteLength(payload);
  if (bytes > bytesMax) return tooLarge(tool, `${bytes} bytes`, bytesMax);
  return `{"success":${result.success},"payload":${payload}}`;
}
