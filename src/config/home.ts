/** Lays out Luna's home: the folders that have to be there before anything starts. */
import { existsSync } from "node:fs";
import { chmod, mkdir, readdir } from "node:fs/promises";
import { join } from "node:path";
import { messageOf, UnavailableError } from "../lib/errors.ts";
import { removeTemporaries } from "../lib/files.ts";
import type { Paths } from "./paths.ts";

const PRIVATE_FOLDER = 0o700;

/** Makes what is missing and touches nothing that is there. */
export async function layOutHome(paths: Paths): Promise<void> {
  try {
    for (const folder of [paths.home, paths.extensions, paths.externalServices]) {
      await mkdir(folder, { recursive: true });
    }
    for (const folder of [
      paths.luna,
      paths.run,
      paths.tools,
      paths.logs,
      paths.serviceLogs,
      paths.caddyData,
    ]) {
      await mkdir(folder, { recursive: true, mode: PRIVATE_FOLDER });
    }
    // Made by hand or by an older umask, they may be open to others.
    await chmod(paths.luna, PRIVATE_FOLDER);
    await chmod(paths.logs, PRIVATE_FOLDER);
    await removeLeftOvers(paths);
  } catch (cause) {
    throw new UnavailableError(
      `Cannot lay out Luna's home in "${paths.home}": ${messageOf(cause)}; choose a folder of yours with LUNA_HOME`,
      { cause },
    );
  }
}

/** Removes the temporary files of writers that were killed, wherever Luna writes. */
export async function removeLeftOvers(paths: Paths): Promise<void> {
  for (const folder of [
    paths.home,
    paths.luna,
    paths.bin,
    paths.run,
    paths.tools,
    paths.upstreams,
    paths.python,
    paths.extensions,
    paths.externalServices,
  ]) {
    await removeTemporaries(folder);
  }
  // Their settings are written into their own files.
  for (const folder of await foldersIn(paths.extensions)) {
    await removeTemporaries(folder);
    await removeTemporaries(join(folder, "tools"));
  }
  for (const folder of [
    ...(await foldersIn(paths.externalServices)),
    ...(await foldersIn(paths.runs)),
    ...(await foldersIn(paths.pythonEnvironments)),
  ]) {
    await removeTemporaries(folder);
  }
}

async function foldersIn(folder: string): Promise<string[]> {
  if (!existsSync(folder)) return [];
  const entries = await readdir(folder, { withFileTypes: true });
  return entries.filter((one) => one.isDirectory()).map(({ name }) => join(folder, name));
}
