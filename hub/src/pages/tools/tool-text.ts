/** What the pages say about a tool. */
import type { ToolView } from "../../../../src/contract/tool.ts";

/** The sentence that a list has room for. */
export function firstLine(description: string): string {
  return description.trim().split("\n", 1)[0]?.trim() ?? "";
}

/** Whether every word of `filter` is in the tool's name, description or extension. */
export function matchesFilter(
  tool: Pick<ToolView, "name" | "description" | "extension">,
  filter: string,
): boolean {
  const text = `${tool.name} ${tool.description} ${tool.extension}`.toLowerCase();
  return filter
    .toLowerCase()
    .split(/\s+/)
    .every((word) => text.includes(word));
}
