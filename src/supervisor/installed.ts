/** Brings what lies in `extensions/` and the configuration into agreement, and descriptions of tools up to date. */
import type { MasterConfigStore } from "../config/master-config.ts";
import type { Paths } from "../config/paths.ts";
import type { MasterConfig, ToolSettings } from "../contract/config.ts";
import type { ExtensionProblem } from "../contract/extension.ts";
import { ToolsFile } from "../contract/tool.ts";
import { syncExtension } from "../extensions/config-sync.ts";
import { contentHash } from "../extensions/content-hash.ts";
import { type Discovery, discoverExtensions, type Extension } from "../extensions/discovery.ts";
import { readToolConfig, TOOL_CONFIG_FILE } from "../extensions/manifest.ts";
import { problemOf } from "../extensions/problem.ts";
import { LunaError } from "../lib/errors.ts";
import { readJsonIfThere } from "../lib/files.ts";
import { ToolCatalogue } from "../tools/catalogue.ts";
import { namespacedName } from "../tools/offered-names.ts";
import { keptEntry } from "./service-keys.ts";
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

export interface Installed extends Discovery {
  /** Of the configuration: those whose files agree with it now, and those without a usable folder or a manifest. */
  synced: readonly string[];
  skipped: readonly string[];
}

/** By extension, then by the name that it is offered under. */
type ToolConfigs = ReadonlyMap<string, Readonly<Record<string, ToolSettings>>>;

/** What extensions say of their own tools; a file that does not parse costs itself alone. */
async function readToolConfigs(
  extensions: readonly Extension[],
  offeredAs: OfferedAs,
): Promise<{ configs: ToolConfigs; problems: ExtensionProblem[] }> {
  const problems: ExtensionProblem[] = [];
  const configs = new Map<string, Record<string, ToolSettings>>();
  for (const { name, path } of extensions) {
    try {
      const own = Object.entries(await readToolConfig(path));
      const offered = own.map(([tool, settings]) => [offeredAs(name, tool), settings] as const);
      configs.set(name, Object.fromEntries(offered));
    } catch (error) {
      problems.push(problemOf(error, { extension: name, file: TOOL_CONFIG_FILE }));
    }
  }
  return { configs, problems };
}

type OfferedAs = (extension: string, own_name: string) => string;

/** The name that everybody uses of a tool, also of one that was not described yet. */
async function offeredNames(options: InstalledOptions): Promise<OfferedAs> {
  const { tools, byName } = await new ToolCatalogue(options).read();
  const known = new Map(
    tools.map(({ extension, name, own_name = name }) => [`${extension} ${own_name}`, name]),
  );
  return (extension, own_name) => {
    const name = known.get(`${extension} ${own_name}`);
    if (name !== undefined) return name;
    return byName.has(own_name) ? namespacedName(extension, own_name) : own_name;
  };
}

/** What is new on disk, put into `draft`: entries for extensions, and settings of tools nobody has set otherwise. */
export function takeUp(draft: MasterConfig, names: readonly string[], configs: ToolConfigs): void {
  // Keys that somebody wrote there in the clear.
  for (const [name, entry] of Object.entries(draft.service_api_keys)) {
    draft.service_api_keys[name] = keptEntry(entry, new Date());
  }
  for (const name of names) {
    draft.extensions[name] ??= { enabled: true, source: "local", config: {} };
  }
  for (const [name, tools] of configs) {
    if (draft.extensions[name]?.enabled !== true) continue;
    for (const [tool, settings] of Object.entries(tools)) {
      if (Object.hasOwn(draft.tool_configs, tool)) continue;
      const isWanted = settings.enabled_in_mcp !== true || draft.mcp.new_tools === "on";
      const { enabled_in_mcp, ...others } = settings;
      // What an extension wants for itself counts less than what the owner wants of new tools.
      draft.tool_configs[tool] = isWanted ? settings : others;
      if (enabled_in_mcp !== true || !isWanted) continue;
      for (const server of Object.values(draft.mcp_servers)) {
        server.tool_config[tool] ??= { enabled_in_mcp: true };
      }
    }
  }
}

function ownOf<Value>(record: Readonly<Record<string, Value>>, name: string): Value | undefined {
  return Object.hasOwn(record, name) ? record[name] : undefined;
}

/**
 * Config sync (specification 6.2): finds what is installed, takes up into the configuration what is new, and
 * writes into each extension's files what the configuration says of it. Nothing is written where nothing differs, so
 * it may be called whenever something was installed, updated, deleted or set.
 * @throws InvalidInputError when the configuration does not parse
 */
export async function syncInstalled({ paths, config }: InstalledOptions): Promise<Installed> {
  const discovery = await discoverExtensions(paths.extensions);
  const { extensions } = discovery;
  const names = extensions.map(({ name }) => name);
  const offeredAs = await offeredNames({ paths, config });
  const { configs, problems } = await readToolConfigs(extensions, offeredAs);
  const before = await config.read();
  const draft = structuredClone(before);
  takeUp(draft, names, configs);
  if (!config.exists() || !Bun.deepEquals(draft, before, true)) {
    await config.update((content) => takeUp(content, names, configs));
  }
  const { extensions: entries, tool_configs } = await config.read();
  const synced: string[] = [];
  const now = new Date();
  for (const extension of extensions) {
    const { name } = extension;
    const entry = entries[name];
    if (entry === undefined) continue;
    const toolSettings = (tool: string) => ownOf(tool_configs, offeredAs(name, tool));
    const done = await syncExtension(extension, { entry, toolSettings, now });
    if (done.state === "synced") synced.push(name);
    problems.push(...done.problems);
  }
  return {
    ...{ ...discovery, problems: [...discovery.problems, ...problems] },
    synced,
    skipped: Object.keys(entries).filter((name) => !synced.includes(name)),
  };
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
