/** Describes an extension's tools for everybody who must know of them without running them. */
import type { ToolsFile } from "../contract/tool.ts";
import { contentHash } from "./content-hash.ts";
import { type LoadedTools, loadTools, type OtherLoaders } from "./load-tools.ts";

/** Imports the extension's code: call it in a process of its own, and bound its time there. */
export async function describeTools(
  extension: { name: string; path: string },
  others: OtherLoaders = {},
): Promise<ToolsFile> {
  // Before the import: a file that changes meanwhile then leaves a hash that is stale.
  const content_hash = await contentHash(extension.path);
  const loaded = await loadTools(extension.path, others);
  return describeLoaded({ extension: extension.name, content_hash }, loaded);
}

/** The same of what is loaded already. */
export function describeLoaded(
  of: Pick<ToolsFile, "extension" | "content_hash">,
  { callables: _, isBroken: __, problems, isPartial, ...described }: LoadedTools,
): ToolsFile {
  return {
    extension: of.extension,
    // Stale from the beginning: the next start looks again.
    content_hash: isPartial ? "" : of.content_hash,
    system_prompt: described.system_prompt,
    tools: [...described.tools],
    resources: [...described.resources],
    templates: [...described.templates],
    prompts: [...described.prompts],
    problems: [...problems],
  };
}
