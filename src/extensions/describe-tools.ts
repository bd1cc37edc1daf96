/** Describes an extension's tools for everybody who must know of them without running them. */
import type { ToolsFile } from "../contract/tool.ts";
import { contentHash } from "./content-hash.ts";
import { type LoadedTools, loadTools } from "./load-tools.ts";

/** Imports the extension's code: call it in a process of its own, and bound its time there. */
export async function describeTools(extension: { name: string; path: string }): Promise<ToolsFile> {
  // Before the import: a file that changes meanwhile then leaves a hash that is stale.
  const content_hash = await contentHash(extension.path);
  const loaded = await loadTools(extension.path);
  return describeLoaded({ extension: extension.name, content_hash }, loaded);
}

/** The same of what is loaded already. */
export function describeLoaded(
  of: Pick<ToolsFile, "extension" | "content_hash">,
  { callables: _, problems, ...described }: LoadedTools,
): ToolsFile {
  return {
    ...of,
    system_prompt: described.system_prompt,
    tools: [...described.tools],
    resources: [...described.resources],
    templates: [...described.templates],
    prompts: [...described.prompts],
    problems: [...problems],
  };
}
