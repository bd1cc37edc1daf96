/** Lays the extensions that come with Luna into a new home. */
import { isAbsolute, join, normalize } from "node:path";
import { ThingName } from "../contract/names.ts";
import { layOutFiles } from "./lay-out.ts";

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
    if (await layOutFiles(files, join(extensionsFolder, name))) written.push(name);
  }
  return written;
}
