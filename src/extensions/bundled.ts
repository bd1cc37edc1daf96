/** Lays the extensions that come with Luna into a new home. */
import { isAbsolute, join, normalize } from "node:path";
import { ThingName } from "../contract/names.ts";
import { treeHash } from "../lib/archive/tree-hash.ts";
import { NotFoundError } from "../lib/errors.ts";
import { isScript, layOutFiles } from "./lay-out.ts";

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

interface BundledTree {
  /** Path inside the extension → text. */
  files: ReadonlyMap<string, string>;
  bytes: number;
  tree_sha256: string;
}

/** @throws NotFoundError that names those there are */
export function bundledTree(bundled: Readonly<Record<string, string>>, name: string): BundledTree {
  const extensions = byExtension(bundled);
  const files = extensions.get(name);
  if (files === undefined) {
    throw new NotFoundError(
      `Cannot find the starter "${name}": there are ${[...extensions.keys()].join(", ")}`,
    );
  }
  const hashed = [...files].map(([path, text]) => {
    const sha256 = new Bun.CryptoHasher("sha256").update(text).digest("hex");
    return { path, isExecutable: isScript(path), sha256 };
  });
  const bytes = [...files.values()].reduce((sum, text) => sum + Buffer.byteLength(text), 0);
  return { files, bytes, tree_sha256: treeHash(hashed) };
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
