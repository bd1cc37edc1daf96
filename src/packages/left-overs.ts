/** What installs leave when Luna is killed in them, or when nobody asks any more for what they made. */
import { readlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import { isOfHome, MARK_VARIABLE } from "../config/mark.ts";
import type { Paths } from "../config/paths.ts";
import { findByVariable } from "../lib/proc.ts";
import { ENVIRONMENT_LINK } from "../python/environment-link.ts";
import { endAll } from "./command.ts";
import { removeUnusedEnvironments } from "./python-environment.ts";

/** What marks of install commands begin with. */
export const INSTALL_NAME = "packages-";
const UNUSED_AGE_MS = 7 * 24 * 60 * 60_000;

/** Ends the install commands that an earlier supervisor of this home had started. */
export async function endLeftInstalls(home: string): Promise<void> {
  const isOurs = isOfHome(home);
  await endAll(() =>
    findByVariable(MARK_VARIABLE, (mark) => isOurs(mark) && mark.includes(`:${INSTALL_NAME}`)),
  );
}

/** Where extensions are: those in use, the versions before them, and what a run is working on. */
function* extensionFolders({ extensions, backups, runs }: Paths): Generator<string> {
  for (const [folder, pattern] of [
    [extensions, "*"],
    [backups, "*"],
    [runs, "*/*/*"],
  ] as const) {
    const links = new Bun.Glob(`${pattern}/${ENVIRONMENT_LINK}`);
    const options = { cwd: folder, dot: true, onlyFiles: false, followSymlinks: false };
    try {
      for (const link of links.scanSync(options)) yield join(folder, dirname(link));
    } catch {
      // There is no such folder yet.
    }
  }
}

/**
 * Removes Python environments that no extension links to, a week after somebody asked for them.
 * @returns how many
 */
export async function removeUnusedPackages(paths: Paths): Promise<number> {
  const inUse = new Set<string>();
  for (const folder of extensionFolders(paths)) {
    // A folder in its place is the extension's own.
    inUse.add(await readlink(join(folder, ENVIRONMENT_LINK)).catch(() => ""));
  }
  const olderThan = Date.now() - UNUSED_AGE_MS;
  return removeUnusedEnvironments(paths.pythonEnvironments, { inUse, olderThan });
}
