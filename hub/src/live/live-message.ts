/** Reads what the live socket sends. Loaded after the first paint, as the schemas bring zod along. */
import "./no-eval.ts";
import { LiveMessage } from "../../../src/contract/process.ts";

/** The message, or undefined when it is none of this version's: the page is told of the new version by its boot id. */
export function readLiveMessage(text: string): LiveMessage | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  return LiveMessage.safeParse(value).data;
}
