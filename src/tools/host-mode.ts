/** How a tool host begins when it takes up changed files, between the supervisor that starts it and the host itself. */
import { z } from "zod";
import type { Paths } from "../config/paths.ts";

/** The variable that has it, as JSON. */
/** The variable with what the tokens of the extension's MCP servers are encrypted with. */
export const UPSTREAM_KEY = "LUNA_UPSTREAM_KEY";

export const TOOL_HOST_MODE = "LUNA_TOOL_HOST_MODE";

/** A host that refused to take another one's place ends with this. */
export const REFUSED_EXIT_CODE = 3;

const ToolHostMode = z.object({
  /** Another host serves: files that cannot all be loaded do not take its place. */
  careful: z.boolean(),
  /** Somebody works on these tools: idle, it stays for longer. */
  stays: z.boolean(),
});
export type ToolHostMode = z.infer<typeof ToolHostMode>;

/** undefined for a host that simply starts; then the description is there already. */
export function modeIn(
  variables: Readonly<Record<string, string | undefined>>,
): ToolHostMode | undefined {
  const text = variables[TOOL_HOST_MODE];
  return text === undefined ? undefined : ToolHostMode.parse(JSON.parse(text));
}

/** The description of what a careful host refused; no catalogue reads a file of that name. */
export function refusedFile(paths: Pick<Paths, "toolsFile">, extension: string): string {
  return `${paths.toolsFile(extension)}.refused`;
}
