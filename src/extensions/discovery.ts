/** Finds the extensions in `extensions/`, and says what is wrong with those that cannot be used. */
import { existsSync, readdirSync } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import type { ExtensionProblem, Manifest } from "../contract/extension.ts";
import { ThingName } from "../contract/names.ts";
import { MANIFEST_FILE, readManifest } from "./manifest.ts";
import { problemOf } from "./problem.ts";

export interface Extension {
  /** The folder's name. */
  name: string;
  /** The folder's absolute path. */
  path: string;
  manifest: Manifest;
  has_tools: boolean;
}

export interface Discovery {
  /** In the order of their names. */
  extensions: readonly Extension[];
  /** Names of folders that are there and cannot be used, each with a problem. */
  broken: readonly string[];
  problems: readonly ExtensionProblem[];
}

export function hasUpstreams({ mcp_servers }: Pick<Manifest, "mcp_servers">): boolean {
  return Object.keys(mcp_servers).length > 0;
}

/** Whether the extension in `folder` has tools to offer: in files of its own, or of other MCP servers. */
export async function offersTools(folder: string, manifest: Manifest): Promise<boolean> {
  return hasUpstreams(manifest) || isFolder(join(folder, "tools"));
}

async function isFolder(path: string): Promise<boolean> {
  const stats = await stat(path).catch(() => undefined); // Gone, or a broken link: no folder.
  return stats?.isDirectory() ?? false;
}

/** Every entry of `folder` that could be an extension; dots mark what is being laid out or hidden. */
async function candidates(folder: string): Promise<string[]> {
  if (!(await isFolder(folder))) return [];
  const names = (await readdir(folder)).filter((name) => !name.startsWith(".")).sort();
  const folders = await Promise.all(names.map((name) => isFolder(join(folder, name))));
  return names.filter((_, index) => folders[index]);
}

/** The paths of what could be extensions in `folder`, without looking into them. */
export function installedFolders(folder: string): string[] {
  const names = (existsSync(folder) ? readdirSync(folder) : []).filter(
    (name) => !name.startsWith("."),
  );
  return names.sort().map((name) => join(folder, name));
}

/** What an extension has one of at least; anything else is a folder that somebody put there. */
const PARTS = [MANIFEST_FILE, "tools", "ui", "services"];

function badName(name: string, path: string): ExtensionProblem {
  const { error } = ThingName.safeParse(name);
  return {
    ...{ extension: name, file: "" },
    message: `Cannot use "${path}": its name ${error?.issues[0]?.message}`,
    fix: "Give the folder another name.",
  };
}

/** Looks at every folder of `folder`; one that is broken costs only itself. */
export async function discoverExtensions(folder: string): Promise<Discovery> {
  const extensions: Extension[] = [];
  const broken: string[] = [];
  const problems: ExtensionProblem[] = [];
  for (const name of await candidates(folder)) {
    const path = join(folder, name);
    if (!PARTS.some((part) => existsSync(join(path, part)))) continue;
    if (!ThingName.safeParse(name).success) {
      broken.push(name);
      problems.push(badName(name, path));
      continue;
    }
    const where = { extension: name, file: MANIFEST_FILE };
    try {
      const manifest = await readManifest(path);
      const has_tools = await offersTools(path, manifest);
      extensions.push({ name, path, manifest, has_tools });
      if (manifest.name !== undefined && manifest.name !== name) {
        problems.push({
          ...{ ...where, field: "name" },
          message: `"${join(path, MANIFEST_FILE)}" says name "${manifest.name}", but the folder's name "${name}" counts`,
          fix: "Make the two the same.",
        });
      }
    } catch (error) {
      broken.push(name);
      problems.push(problemOf(error, where));
    }
  }
  return { extensions, broken, problems };
}
