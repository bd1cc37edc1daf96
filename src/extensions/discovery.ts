/** Finds the extensions in `extensions/`, and says what is wrong with those that cannot be used. */
import { existsSync, readdirSync } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import type { Manifest } from "../contract/extension.ts";
import { ThingName } from "../contract/names.ts";
import { messageOf } from "../lib/errors.ts";
import { MANIFEST_FILE, readManifest } from "./manifest.ts";

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
  /** One sentence each. */
  problems: readonly string[];
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

/** Looks at every folder of `folder`; one that is broken costs only itself. */
export async function discoverExtensions(folder: string): Promise<Discovery> {
  const extensions: Extension[] = [];
  const problems: string[] = [];
  for (const name of await candidates(folder)) {
    const path = join(folder, name);
    const checked = ThingName.safeParse(name);
    if (!checked.success) {
      problems.push(`Cannot use "${path}": its name ${checked.error.issues[0]?.message}`);
      continue;
    }
    try {
      const manifest = await readManifest(path);
      extensions.push({ name, path, manifest, has_tools: await isFolder(join(path, "tools")) });
      if (manifest.name !== undefined && manifest.name !== name) {
        problems.push(
          `"${join(path, MANIFEST_FILE)}" says name "${manifest.name}", but the folder's name "${name}" counts`,
        );
      }
    } catch (error) {
      problems.push(messageOf(error));
    }
  }
  return { extensions, problems };
}
