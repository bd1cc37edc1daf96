/** Where an extension may bring a list of packages along: its root, its UI and each service (contract 4.8). */
import { lstat, readdir } from "node:fs/promises";
import { join } from "node:path";

/** Only what is really there: a link could lead anywhere. */
async function isReal(path: string, kind: "isFile" | "isDirectory"): Promise<boolean> {
  const stats = await lstat(path).catch(() => undefined); // There is none.
  return stats?.[kind]() ?? false;
}

/** The folders below `folder`, relative to it: "" first, then `ui`, then `services/*` by name. */
async function candidates(folder: string): Promise<string[]> {
  const found = [""];
  if (await isReal(join(folder, "ui"), "isDirectory")) found.push("ui");
  if (await isReal(join(folder, "services"), "isDirectory")) {
    const services = (await readdir(join(folder, "services"))).sort();
    for (const service of services) {
      const path = join("services", service);
      if (await isReal(join(folder, path), "isDirectory")) found.push(path);
    }
  }
  return found;
}

/** The paths, relative to the extension's `folder`, of the lists of packages named `file`. */
export async function packageLists(folder: string, file: string): Promise<string[]> {
  const lists: string[] = [];
  for (const path of await candidates(folder)) {
    if (await isReal(join(folder, path, file), "isFile")) lists.push(join(path, file));
  }
  return lists;
}
