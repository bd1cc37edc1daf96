/** Looks at the tree of an extension before it is used: whether it is one, what it asks for, what it would run. */
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import type { Manifest } from "../contract/extension.ts";
import { isRemote } from "../contract/upstream.ts";
import { type Extension, offersTools } from "../extensions/discovery.ts";
import { readManifest } from "../extensions/manifest.ts";
import { ownProcesses } from "../extensions/own-processes.ts";
import { InvalidInputError, LunaError } from "../lib/errors.ts";
import { readJsonIfThere } from "../lib/files.ts";

const COMMAND_LENGTH_MAX = 4_000;
const Package = z.looseObject({ scripts: z.record(z.string(), z.string()).optional() });
/** npm runs these when it installs a package. */
const LIFECYCLE = ["preinstall", "install", "postinstall", "prepare"];

export interface Inspected {
  manifest: Manifest;
  permissions: string[];
  commands: { name: string; text: string }[];
  /** What Luna will not run or use of it, one sentence each. */
  warnings: string[];
}

/**
 * The extension in `folder`, as it would be `name`.
 * @throws InvalidInputError that says why it is none
 */
export async function inspectTree(folder: string, name: string): Promise<Inspected> {
  const manifest = await readManifest(folder);
  const has_tools = await offersTools(folder, manifest);
  const extension: Extension = { name, path: folder, manifest, has_tools };
  const { processes, problems } = await ownProcesses(extension);
  if (!has_tools && processes.length === 0) {
    throw new InvalidInputError(
      `Cannot use "${name}": it has neither tools/ nor mcp_servers nor ui/start.sh nor a service; an extension has at least one of them`,
    );
  }
  const commands = await Promise.all(
    processes.map(async ({ service, folder: place }) => ({
      name: service === undefined ? "ui/start.sh" : `services/${service}/start.sh`,
      text: (await readFile(join(place, "start.sh"), "utf8")).slice(0, COMMAND_LENGTH_MAX),
    })),
  );
  const folders = [folder, ...processes.map((one) => one.folder)];
  const scripts = await Promise.all(folders.map((place) => lifecycleScripts(folder, place)));
  const warnings = problems.map(({ message }) => message);
  if (manifest.name !== undefined && manifest.name !== name) {
    warnings.push(`Its manifest calls it "${manifest.name}"; here it is "${name}"`);
  }
  return {
    manifest,
    permissions: permissionsOf(extension, processes),
    commands: [...commands, ...upstreamCommands(extension), ...scripts.flat()],
    warnings,
  };
}

function permissionsOf(
  { has_tools, manifest }: Extension,
  processes: readonly { service: string | undefined; config: { requires_port: boolean } }[],
): string[] {
  const services = processes.filter(({ service }) => service !== undefined);
  const open = services.filter(({ config }) => "public_exposure" in config);
  return [
    ...(has_tools ? ["offers tools to agents and MCP clients"] : []),
    ...Object.entries(manifest.mcp_servers).flatMap(([name, upstream]) =>
      isRemote(upstream) ? [`asks the MCP server "${name}" at ${upstream.url}`] : [],
    ),
    ...(processes.length > services.length ? ["shows pages under /ext/"] : []),
    ...services.map(({ service }) => `runs the service "${service}" in the background`),
    ...open.map(({ service }) => `opens the service "${service}" to the outside`),
  ];
}

/** The programs that it asks as MCP servers. */
function upstreamCommands({ manifest }: Extension): { name: string; text: string }[] {
  return Object.entries(manifest.mcp_servers).flatMap(([name, upstream]) => {
    if (isRemote(upstream)) return [];
    const text = [upstream.command, ...upstream.args].map((word) => JSON.stringify(word)).join(" ");
    return [{ name: `mcp_servers.${name}`, text: text.slice(0, COMMAND_LENGTH_MAX) }];
  });
}

/** What its packages would run when they are installed, and only if it is trusted. */
async function lifecycleScripts(root: string, folder: string) {
  const path = join(folder, "package.json");
  if (!existsSync(path)) return [];
  try {
    const { scripts = {} } = (await readJsonIfThere(path, Package)) ?? {};
    return LIFECYCLE.flatMap((name) => {
      const text = scripts[name];
      if (text === undefined) return [];
      const place = path.slice(root.length + 1);
      return [{ name: `${place}: ${name}`, text: text.slice(0, COMMAND_LENGTH_MAX) }];
    });
  } catch (error) {
    // Whoever installs the packages says what is wrong with it.
    if (error instanceof LunaError) return [];
    throw error;
  }
}
