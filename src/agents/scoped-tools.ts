/** The tools of a key: those within its scopes are seen, and looked at again before each call. */
import { allowsEveryTool, allowsTool, insufficientScope } from "../api-keys/scopes.ts";
import type { KeyScopes } from "../contract/api-keys.ts";
import { UnauthorizedError } from "../lib/errors.ts";
import type { ToolSet, ToolSource } from "./tool-source.ts";

/** A key whose scopes may change, or end, while an agent works for it. */
interface ScopedAccess {
  readonly scopes: KeyScopes;
  current(): Promise<KeyScopes | undefined>;
}

const narrowed = new WeakMap<ToolSet, WeakMap<KeyScopes, ToolSet>>();

/** Made once for each state of the catalogue and of the scopes. */
function narrow(set: ToolSet, scopes: KeyScopes): ToolSet {
  if (allowsEveryTool(scopes)) return set;
  const made = narrowed.get(set) ?? new WeakMap<KeyScopes, ToolSet>();
  narrowed.set(set, made);
  const known = made.get(scopes);
  if (known !== undefined) return known;
  const tools = set.tools.filter((tool) => allowsTool(scopes, tool));
  const extensions = new Set(tools.map(({ extension }) => extension));
  const system_prompts = set.system_prompts.filter(({ extension }) => extensions.has(extension));
  const scoped = { tools, system_prompts };
  made.set(scopes, scoped);
  return scoped;
}

export function scopedTools(source: ToolSource, access: ScopedAccess): ToolSource {
  return {
    read: async () => narrow(await source.read(), access.scopes),
    call: async (request) => {
      const { tool: name } = request;
      const scopes = await access.current();
      if (scopes === undefined) {
        throw new UnauthorizedError(
          `Cannot run "${name}": the key that this was begun with has expired or was revoked`,
        );
      }
      const all = await source.read();
      const { tools } = narrow(all, scopes);
      const isNamed = (tool: ToolSet["tools"][number]): boolean => tool.name === name;
      // What does not exist at all is for the source to say.
      if (!tools.some(isNamed) && all.tools.some(isNamed)) {
        throw insufficientScope(`run "${name}"`, `the tool "${name}"`);
      }
      return source.call(request);
    },
  };
}
