/** The store of `.luna/core_update.json`. */
import { CoreUpdateFile } from "../contract/core-update.ts";
import { LunaError } from "../lib/errors.ts";
import { readJsonIfThere, writeJsonAtomic } from "../lib/files.ts";

/** The newest change of the program; undefined when there was none, or its file says nothing that can be read. */
export async function readCoreUpdate(path: string): Promise<CoreUpdateFile | undefined> {
  try {
    return await readJsonIfThere(path, CoreUpdateFile);
  } catch (error) {
    // No reason not to start: without it, this program stays.
    if (error instanceof LunaError) return undefined;
    throw error;
  }
}

export async function writeCoreUpdate(path: string, update: CoreUpdateFile): Promise<void> {
  await writeJsonAtomic(path, update);
}
