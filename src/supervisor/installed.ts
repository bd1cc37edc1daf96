/** Brings what lies in `extensions/` into the configuration, and the descriptions of tools up to date. */
import type { MasterConfigStore } from "../config/master-config.ts";
import type { Paths } from "../config/paths.ts";
import { ToolsFile } from "../contract/tool.ts";
import { contentHash } from "../extensions/content-hash.ts";
import { discoverExtensions, type Extension } from "../extensions/discovery.ts";
import { LunaError } from "../lib/errors.ts";
import { readJsonIfThere } from "../lib/files.ts";
import type { ToolHosts } from "./tool-hosts.ts";

interface InstalledOptions {
  paths: Paths;
  config: MasterConfigStore;
}

/** Whether the cached description is of these very files. A cache that cannot be read is not. */
async function isDescribed(paths: Paths, extension: Extension): Promise<boolean> {
  try {
    const file = await readJsonIfThere(paths.toolsFile(extension.name), ToolsFile);
    return file?.content_hash === (await contentHash(extension.path));
  } catch (error) {
    if (error instanceof LunaError) return false;
    throw error;
  }
}

export interface Installed {
  extensions: readonly Extension[];
  /** One sentence each. */
  problems: string[];
}

/** Finds what is installed, and adds what is new on disk to the configuration (specification 6.2). */
export async function syncInstalled({ paths, config }: InstalledOptions): Promise<Installed> {
  const { extensions, problems } = await discoverExtensions(paths.extensions);
  const known = (await config.read()).extensions;
  const isNew = extensions.some(({ name }) => known[name] === undefined);
  if (isNew || !config.exists()) {
    await config.update((draft) => {
      for (const { name } of extensions) {
        draft.extensions[name] ??= { enabled: true, source: "local", config: {} };
      }
    });
  }
  return { extensions, problems: [...problems] };
}

/** Brings the descriptions of enabled extensions' tools up to date; answers with what cannot be loaded. */
export async function describeInstalled(
  extensions: readonly Extension[],
  { paths, config, toolHosts }: InstalledOptions & { toolHosts: ToolHosts },
): Promise<string[]> {
  const { extensions: entries } = await config.read();
  const described = await Promise.all(
    extensions
      .filter(({ name, has_tools }) => has_tools && entries[name]?.enabled === true)
      .map(async (extension) =>
        (await isDescribed(paths, extension)) ? undefined : toolHosts.describe(extension.name),
      ),
  );
  return described.filter((text) => text !== undefined);
}
