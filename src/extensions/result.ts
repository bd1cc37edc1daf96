/** What a tool returned, as the one result that every caller knows. */
import { z } from "zod";
import { ContentBlock, textOfContent } from "../contract/content.ts";
import type { ToolResult } from "../contract/tool.ts";
import { ContentAnswer } from "./answer.ts";

const Blocks = z.array(ContentBlock);

/**
 * `[success, payload]` is the pair of specification 7.2; anything else is the payload of a success.
 * A string stays a string even when its text is JSON: parsing it would change what the tool said
 * (long numbers, key order), and every reader of text can read it as it is.
 * @throws ZodError for blocks that MCP has not
 */
export function normaliseResult(returned: unknown): ToolResult {
  const isPair =
    Array.isArray(returned) && returned.length === 2 && typeof returned[0] === "boolean";
  const success = isPair ? returned[0] === true : true;
  const payload: unknown = isPair ? returned[1] : returned;
  if (payload instanceof ContentAnswer) {
    const content = Blocks.parse(payload.blocks);
    const { structured } = payload;
    return {
      success,
      payload: textOfContent(content),
      content,
      ...(structured === undefined ? {} : { structured }),
    };
  }
  return { success, payload: payload ?? null };
}
