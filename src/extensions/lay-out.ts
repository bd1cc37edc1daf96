/** Writes a folder of files whole or not at all. */
import { chmod, lstat, mkdir, rename, rm, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { temporaryName } from "../lib/files.ts";

const EXECUTABLE = 0o755;

async function exists(path: string): Promise<boolean> {
  const stats = await lstat(path).catch((error: unknown) => {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  });
  return stats !== undefined;
}

export function isScript(path: string): boolean {
  return path.endsWith(".sh");
}

/**
 * Writes `files` (path inside → text) as the folder `target`; scripts can be run.
 * @returns false when `target` is there already, and is left as it is
 */
export async function layOutFiles(
  files: ReadonlyMap<string, string>,
  target: string,
): Promise<boolean> {
  if (await exists(target)) return false;
  // A hidden folder that is renamed at the end: an interrupted run leaves no half extension.
  const staging = temporaryName(join(dirname(target), `.${basename(target)}`));
  try {
    for (const [path, text] of files) {
      const file = join(staging, path);
      await mkdir(dirname(file), { recursive: true });
      await writeFile(file, text);
      if (isScript(path)) await chmod(file, EXECUTABLE);
    }
    await rename(staging, target);
    return true;
  } catch (error) {
    await rm(staging, { recursive: true, force: true });
    throw error;
  }
}
