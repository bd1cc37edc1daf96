/** The programs of `tests/clients/packages`, installed once into a folder that git ignores: together they are 1 GB. */
import { existsSync } from "node:fs";
import { copyFile, mkdir, mkdtemp, readdir, readFile, rename, rm } from "node:fs/promises";
import { join, resolve } from "node:path";

const ROOT = resolve(import.meta.dir, "../..");
const WANTED = join(ROOT, "tests/clients/packages");
const CACHE = join(ROOT, "node_modules/.cache/luna");
const FOLDER_PREFIX = "clients-";
const FILES = ["package.json", "bun.lock"];
/** Some seconds where the registry is near. */
export const INSTALL_TIMEOUT_MS = 300_000;

/** Fetches what the lock names, and nothing else; Bun compares each package with its checksum there. */
async function install(folder: string): Promise<void> {
  await mkdir(CACHE, { recursive: true });
  for (const name of await readdir(CACHE)) {
    if (name.startsWith(FOLDER_PREFIX)) await rm(join(CACHE, name), { recursive: true });
  }
  const staged = await mkdtemp(join(CACHE, FOLDER_PREFIX));
  for (const file of FILES) await copyFile(join(WANTED, file), join(staged, file));
  const child = Bun.spawn(
    [process.execPath, "install", "--frozen-lockfile", "--production", "--ignore-scripts"],
    { cwd: staged, stdin: "ignore", stdout: "ignore", stderr: "pipe", timeout: INSTALL_TIMEOUT_MS },
  );
  const [said, code] = await Promise.all([new Response(child.stderr).text(), child.exited]);
  if (code !== 0) throw new Error(`Cannot install the clients that tests run:\n${said}`);
  await rename(staged, folder);
}

/** @returns the `node_modules` folder that holds the programs */
export async function clientPackages(): Promise<string> {
  const texts = await Promise.all(FILES.map((file) => readFile(join(WANTED, file), "utf8")));
  const hash = Bun.hash(texts.join()).toString(16);
  const folder = join(CACHE, `${FOLDER_PREFIX}${hash}`);
  if (!existsSync(folder)) await install(folder);
  return join(folder, "node_modules");
}
