/** Which packages of an extension are asked for and were never installed, as somebody put its folder there by hand. */
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { readJsonIfThere } from "../lib/files.ts";
import { ENVIRONMENT_LINK } from "../python/environment-link.ts";
import { asksForPackages, PackageJson } from "./own-sources.ts";
import { packageLists } from "./package-folders.ts";

/** @returns the lists, relative to the extension's `folder` */
export async function missingPackages(folder: string): Promise<string[]> {
  const missing: string[] = [];
  for (const list of await packageLists(folder, "package.json")) {
    const path = join(folder, list);
    const json = await readJsonIfThere(path, PackageJson);
    const isMade = existsSync(join(dirname(path), "node_modules"));
    if (json !== undefined && asksForPackages(json) && !isMade) missing.push(list);
  }
  const python = await packageLists(folder, "requirements.txt");
  return existsSync(join(folder, ENVIRONMENT_LINK)) ? missing : [...missing, ...python];
}
