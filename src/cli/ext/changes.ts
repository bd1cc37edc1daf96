/** Which files of an extension changed, and which of its parts that concerns. */
import { type FSWatcher, watch } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";

/** What Luna, package managers and tools of versions write, and no author. */
const IGNORED = /^(?:\..*|node_modules|data|__pycache__|dist)$/;
/** Nothing runs these. */
const WITHOUT_EFFECT = /^tests\/|^[^/]*\.md$|^tsconfig\.json$/i;
const FILES_MAX = 5_000;
/** Editors write a file in several steps. */
const QUIET_MS = 15;
/** Where the kernel tells nothing, a look finds it. */
const LOOK_MS = 1_000;

/** The files of a folder: path inside → what changes when the file does. */
export type Stamps = ReadonlyMap<string, string>;

interface Tree {
  files: Stamps;
  folders: readonly string[];
}

/** Looks at all files that an author could have changed. */
async function readTree(folder: string): Promise<Tree> {
  const files = new Map<string, string>();
  const folders: string[] = [];
  const look = async (inside: string): Promise<void> => {
    folders.push(join(folder, inside));
    const entries = await readdir(join(folder, inside), { withFileTypes: true }).catch(() => []);
    for (const entry of entries) {
      const path = inside === "" ? entry.name : `${inside}/${entry.name}`;
      if (IGNORED.test(entry.name) || files.size >= FILES_MAX) continue;
      if (entry.isDirectory()) await look(path);
      else {
        // Gone between the two looks: the next one tells.
        const stats = await stat(join(folder, path)).catch(() => undefined);
        if (stats?.isFile()) files.set(path, `${stats.ino}:${stats.size}:${stats.mtimeMs}`);
      }
    }
  };
  await look("");
  return { files, folders };
}

/** The files that came, went or changed, in order. Pure. */
export function changedFiles(before: Stamps, after: Stamps): string[] {
  const paths = new Set([...before.keys(), ...after.keys()]);
  return [...paths].filter((path) => before.get(path) !== after.get(path)).sort();
}

/** The parts that run the changed files; undefined when it may be all of them. Pure. */
export function partsOf(files: readonly string[]): string[] | undefined {
  const parts = new Set<string>();
  for (const file of files) {
    if (WITHOUT_EFFECT.test(file)) continue;
    const [top = "", service] = file.split("/");
    if (top === "tools") parts.add("tools");
    else if (top === "ui") parts.add("ui");
    else if (top === "services" && service !== undefined) parts.add(`services/${service}`);
    // The manifest, packages, or something that several parts may share.
    else return undefined;
  }
  return [...parts].sort();
}

/**
 * Tells of changes as they come, never of two at once.
 * @returns ends that
 */
export async function watchFolder(
  folder: string,
  onChange: (files: readonly string[]) => Promise<void>,
): Promise<() => void> {
  let tree = await readTree(folder);
  let watchers: FSWatcher[] = [];
  let isBusy = false;
  let isDue = false;
  let quiet: Timer | undefined;
  const look = async (): Promise<void> => {
    if (isBusy) {
      isDue = true;
      return;
    }
    isBusy = true;
    const now = await readTree(folder);
    const files = changedFiles(tree.files, now.files);
    const hasOtherFolders = !Bun.deepEquals(now.folders, tree.folders);
    tree = now;
    if (hasOtherFolders) listen();
    if (files.length > 0) await onChange(files);
    isBusy = false;
    if (!isDue) return;
    isDue = false;
    await look();
  };
  const soon = (): void => {
    clearTimeout(quiet);
    quiet = setTimeout(() => void look(), QUIET_MS);
  };
  const listen = (): void => {
    for (const watcher of watchers) watcher.close();
    // A folder that has just gone is noticed by its parent.
    watchers = tree.folders.flatMap((path) => {
      try {
        return [watch(path, soon).on("error", soon)];
      } catch {
        return [];
      }
    });
  };
  listen();
  const timer = setInterval(() => void look(), LOOK_MS);
  return () => {
    clearInterval(timer);
    clearTimeout(quiet);
    for (const watcher of watchers) watcher.close();
  };
}
