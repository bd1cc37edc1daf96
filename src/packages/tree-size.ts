/** What lies in folders: how much it is, and whether a link in it leads out of them. */
import type { Stats } from "node:fs";
import { lstat, readdir, readlink, realpath } from "node:fs/promises";
import { dirname, join, resolve, sep } from "node:path";

export interface TreeBounds {
  bytesMax: number;
  filesMax: number;
}

export interface TreeSize {
  bytes: number;
  files: number;
}

const MEBIBYTE = 1024 ** 2;

/** What goes while it is looked at is not there. */
const missing = (): undefined => undefined;

/** Calls `visit` for each entry below `folder`, which may be missing; ends early when it answers false. */
async function walk(
  folder: string,
  visit: (path: string, stats: Stats) => boolean | Promise<boolean>,
): Promise<boolean> {
  const names = (await readdir(folder).catch(missing)) ?? [];
  for (const name of names) {
    const path = join(folder, name);
    const stats = await lstat(path).catch(missing);
    if (stats === undefined) continue;
    if (!(await visit(path, stats))) return false;
    if (stats.isDirectory() && !(await walk(path, visit))) return false;
  }
  return true;
}

/** The sum over `folders`, or as far as it took to see that it is over the bounds. */
export async function measureTrees(
  folders: readonly string[],
  bounds: TreeBounds,
): Promise<TreeSize> {
  const size = { bytes: 0, files: 0 };
  for (const folder of folders) {
    await walk(folder, (_, stats) => {
      size.bytes += stats.size;
      size.files += 1;
      return tooMuch(size, bounds) === undefined;
    });
  }
  return size;
}

/** Says in words which bound the tree is over. */
export function tooMuch(size: TreeSize, { bytesMax, filesMax }: TreeBounds): string | undefined {
  if (size.files > filesMax) return `it wrote more than the ${filesMax} files allowed`;
  if (size.bytes > bytesMax) {
    return `it wrote more than the ${Math.round(bytesMax / MEBIBYTE)} MB allowed`;
  }
  return undefined;
}

/** Where a link leads, also when nothing is there yet. */
async function targetOf(link: string): Promise<string> {
  const target = await realpath(link).catch(missing);
  return target ?? resolve(await realpath(dirname(link)), await readlink(link));
}

/** The first link below `folder` that leads out of `root`. */
export async function escapingLink(folder: string, root: string): Promise<string | undefined> {
  const inside = (await realpath(root)) + sep;
  let found: string | undefined;
  await walk(folder, async (path, stats) => {
    if (!stats.isSymbolicLink()) return true;
    if (`${await targetOf(path)}${sep}`.startsWith(inside)) return true;
    found = path;
    return false;
  });
  return found;
}
