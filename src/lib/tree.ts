/** Whole folders: copied, made to last a power cut, and told apart. */
import { constants, type Dirent } from "node:fs";
import {
  chmod,
  copyFile,
  lstat,
  mkdir,
  open,
  readdir,
  readlink,
  symlink,
  utimes,
} from "node:fs/promises";
import { join } from "node:path";

/** So many calls wait for the disk at once; it gathers them. */
const AT_ONCE = 32;

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "";
}

/** Which folder or file a name stands for, wherever it is moved on its file system; undefined when there is none. */
export async function identityOf(path: string): Promise<string | undefined> {
  try {
    // Neither its device's number nor its times are the same after a restart or a move.
    return String((await lstat(path, { bigint: true })).ino);
  } catch (error) {
    if (codeOf(error) === "ENOENT") return undefined;
    throw error;
  }
}

/** Does `work` for each, some at once; the first failure ends it. */
async function forEach<T>(all: readonly T[], work: (one: T) => Promise<void>): Promise<void> {
  const left = [...all];
  const loop = async (): Promise<void> => {
    for (let next = left.pop(); next !== undefined; next = left.pop()) await work(next);
  };
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, all.length) }, loop));
}

interface Found {
  /** Below the root. */
  path: string;
  entry: Dirent;
}

/** Everything below `root`, folders before what is in them; links are not followed. */
async function entriesBelow(root: string, below = ""): Promise<Found[]> {
  const entries = await readdir(join(root, below), { withFileTypes: true });
  const found: Found[] = [];
  for (const entry of entries) {
    const path = join(below, entry.name);
    found.push({ path, entry });
    if (entry.isDirectory()) found.push(...(await entriesBelow(root, path)));
  }
  return found;
}

/** The bytes of all files below `root`. */
export async function bytesBelow(root: string): Promise<number> {
  let bytes = 0;
  await forEach(await entriesBelow(root), async ({ path, entry }) => {
    if (entry.isFile()) bytes += (await lstat(join(root, path))).size;
  });
  return bytes;
}

/**
 * Copies a folder with its modes and times; `to` must not exist. Links are copied as links, and what is neither file,
 * folder nor link is left out: a socket means nothing to anybody else.
 */
export async function copyTree(from: string, to: string): Promise<void> {
  await mkdir(to);
  const found = await entriesBelow(from);
  const folders = found.filter(({ entry }) => entry.isDirectory()).map(({ path }) => path);
  for (const path of folders) await mkdir(join(to, path));
  await forEach(found, async ({ path, entry }) => {
    const [source, target] = [join(from, path), join(to, path)];
    if (entry.isSymbolicLink()) await symlink(await readlink(source), target);
    if (entry.isFile()) await copyFile(source, target, constants.COPYFILE_FICLONE);
    if (entry.isFile()) await copyMode(source, target);
  });
  // From the bottom up: what is made in a folder changes its time, and a folder may forbid it.
  for (const path of [...folders.reverse(), ""]) await copyMode(join(from, path), join(to, path));
}

async function copyMode(from: string, to: string): Promise<void> {
  const { mode, atime, mtime } = await lstat(from);
  await chmod(to, mode);
  await utimes(to, atime, mtime);
}

/** What may not be opened by its own owner cannot be asked to last, and is no reason to fail. */
async function sync(path: string): Promise<void> {
  try {
    const file = await open(path, "r");
    try {
      await file.sync();
    } finally {
      await file.close();
    }
  } catch (error) {
    if (codeOf(error) !== "EACCES") throw error;
  }
}

/** Settles when all of the folder is on the disk. */
export async function syncTree(root: string): Promise<void> {
  const found = await entriesBelow(root);
  const files = found.filter(({ entry }) => entry.isFile() || entry.isDirectory());
  await forEach([...files.map(({ path }) => path), ""], (path) => sync(join(root, path)));
}

/** Settles when the names in a folder are on the disk. */
export function syncFolder(path: string): Promise<void> {
  return sync(path);
}
