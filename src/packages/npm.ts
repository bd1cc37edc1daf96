/** Installs the npm packages of a staged extension with the Bun that is in Luna itself (DESIGN 7). */
import { existsSync } from "node:fs";
import { readdir, rename } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { InvalidInputError } from "../lib/errors.ts";
import { readJsonIfThere } from "../lib/files.ts";
import { runInstall } from "./command.ts";
import type { InstallContext } from "./install-context.ts";
import { asksForPackages, foreignPath, PackageJson } from "./own-sources.ts";
import { packageLists } from "./package-folders.ts";
import { escapingLink } from "./tree-size.ts";

const LIST = "package.json";
/** Locked versions are kept, whoever's lock it is: Bun reads all of these. */
const LOCK_FILES = ["bun.lock", "bun.lockb", "package-lock.json", "yarn.lock", "pnpm-lock.yaml"];
/** They could name another registry, or folders elsewhere, without anybody seeing it. */
const SETTINGS_FILES = [".npmrc", "bunfig.toml"];
const ASIDE = ".set-aside-by-luna";

/** Members of a workspace have lists of their own. */
async function allLists(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true });
  const found = await Promise.all(
    entries.map(async (entry) => {
      const path = join(folder, entry.name);
      if (entry.isFile()) return entry.name === LIST ? [path] : [];
      return entry.isDirectory() && entry.name !== "node_modules" ? allLists(path) : [];
    }),
  );
  return found.flat();
}

/** @throws InvalidInputError for a package that would be taken from outside of the extension */
async function refuseForeignPaths(root: string): Promise<void> {
  for (const file of await allLists(root)) {
    // One that is no JSON is either a template or told by whoever reads it next.
    const json = await readJsonIfThere(file, PackageJson).catch(() => undefined);
    const foreign = json && foreignPath(json, { file, root });
    if (foreign === undefined) continue;
    throw new InvalidInputError(
      `Cannot install the packages of "${relative(root, file)}": "${foreign}" leads out of the extension's folder`,
    );
  }
}

/** Runs `work` while the extension's own settings of package managers are out of the way. */
async function withoutSettings(
  folder: string,
  log: (line: string) => void,
  work: () => Promise<void>,
): Promise<void> {
  const present = SETTINGS_FILES.map((name) => join(folder, name)).filter(existsSync);
  for (const file of present) {
    log(`${file} is not used: only an extension that may run scripts chooses its registries`);
    await rename(file, file + ASIDE);
  }
  try {
    await work();
  } finally {
    for (const file of present) await rename(file + ASIDE, file);
  }
}

async function installList(list: string, context: InstallContext): Promise<void> {
  const { folder, cache, trusted, offline, log } = context;
  const cwd = join(folder, dirname(list));
  const caFile = context.env["SSL_CERT_FILE"];
  const isLocked = LOCK_FILES.some((name) => existsSync(join(cwd, name)));
  log(`Installing the packages of ${list}${isLocked ? ", as they are locked" : ""}`);
  const install = (): Promise<void> =>
    runInstall({
      what: list,
      command: [
        ...[context.bun, "install", "--no-env-file", "--no-progress"],
        ...["--linker", "hoisted", "--cache-dir", join(cache, "npm")],
        // Links into the cache would let one extension change what the next one gets.
        ...["--backend", "copyfile"],
        ...(isLocked ? ["--frozen-lockfile"] : []),
        ...(trusted ? [] : ["--ignore-scripts"]),
        ...(offline ? ["--offline"] : []),
        // Bun's own way to say what all others read from the environment.
        ...(caFile === undefined ? [] : ["--cafile", caFile]),
      ],
      cwd,
      env: { ...context.env, BUN_BE_BUN: "1" },
      mark: context.mark(),
      timeoutMs: context.bounds.timeoutMs,
      bounds: { ...context.bounds, folders: [folder] },
      log,
      signal: context.signal,
    });
  await (trusted ? install() : withoutSettings(cwd, log, install));
  const escaping = await escapingLink(cwd, folder);
  if (escaping === undefined) return;
  throw new InvalidInputError(
    `Cannot install the packages of "${list}": "${relative(folder, escaping)}" leads out of the extension's folder`,
  );
}

/** @returns the lists that were installed, such as `ui/package.json` */
export async function installNpmPackages(context: InstallContext): Promise<string[]> {
  const { folder } = context;
  const installed: string[] = [];
  await refuseForeignPaths(folder);
  for (const list of await packageLists(folder, LIST)) {
    const json = await readJsonIfThere(join(folder, list), PackageJson);
    if (json === undefined || !asksForPackages(json)) continue;
    await installList(list, context);
    installed.push(list);
  }
  return installed;
}
