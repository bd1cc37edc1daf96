/** Lays the extensions that come with Luna into a new home. */
import { lstat, mkdir, rename, rm, writeFile } from "node:fs/promises";
import { dirname, isAbsolute, join, normalize } from "node:path";
import { ThingName } from "../contract/names.ts";
import { temporaryName } from "../lib/files.ts";

/** The files of each extension: path inside its folder → text. */
function byExtension(bundled: Readonly<Record<string, string>>): Map<string, Map<string, string>> {
  const extensions = new Map<string, Map<string, string>>();
  for (const [path, text] of Object.entries(bundled)) {
    const slash = path.indexOf("/");
    const name = ThingName.parse(path.slice(0, slash));
    const inside = path.slice(slash + 1);
    const leaves = isAbsolute(inside) || inside.startsWith("..");
    if (slash < 0 || inside === "" || leaves || normalize(inside) !== inside) {
      throw new Error(`Cannot lay out "${path}": it should be a path inside its extension`);
    }
    const files = extensions.get(name) ?? new Map<string, string>();
    extensions.set(name, files.set(inside, text));
  }
  return extensions;
}

async function exists(path: string): Promise<boolean> {
  const stats = await lstat(path).catch((error: unknown) => {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  });
  return stats !== undefined;
}

/**
 * Writes each extension that has no folder yet; what exists is never touched.
 * @param bundled `<extension>/<path>` → text
 * @returns the names of those written
 */
export async function layOutBundled(
  bundled: Readonly<Record<string, string>>,
  extensionsFolder: string,
): Promise<string[]> {
  const written: string[] = [];
  for (const [name, files] of byExtension(bundled)) {
    const target = join(extensionsFolder, name);
    if (await exists(target)) continue;
    // A hidden folder that is renamed at the end: an interrupted run leaves no half extension.
    const staging = temporaryName(join(extensionsFolder, `.${name}`));
    try {
      for (const [path, text] of files) {
        const file = join(staging, path);
        await mkdir(dirname(file), { recursive: true });
        await writeFile(file, text);
      }
      await rename(staging, target);
      written.push(name);
    } catch (error) {
      await rm(staging, { recursive: true, force: true });
      throw error;
    }
  }
  return written;
}
