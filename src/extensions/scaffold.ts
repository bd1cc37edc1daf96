/** Lays out a new extension that works, for its author to change. */
import { join } from "node:path";
import { ConflictError } from "../lib/errors.ts";
import { layOutFiles } from "./lay-out.ts";

export interface ScaffoldOptions {
  /** A `ThingName`. */
  name: string;
  /** Tools in Python in place of TypeScript. */
  isPython: boolean;
  hasUi: boolean;
  hasService: boolean;
}

/** What the extension of the template is called, in every file and in names of files. */
const PLACEHOLDER = /sample/g;
const PLACEHOLDER_OF_TOOLS = /SAMPLE/g;
const OF_PYTHON = /\.py$|^requirements\.txt$|\.python\.md$/;
const OF_TYPESCRIPT = /^tools\/.*\.ts$|^tests\/.*\.ts$|^README\.md$/;

/** `my-notes` → `MY_NOTES`, which tools' names begin with. */
function domainOf(name: string): string {
  const domain = name.toUpperCase().replace(/-/g, "_");
  return /^\d/.test(domain) ? `X${domain}` : domain;
}

/** The files of a new extension: path inside its folder → text. Pure. */
export function scaffold(
  template: Readonly<Record<string, string>>,
  { name, isPython, hasUi, hasService }: ScaffoldOptions,
): Map<string, string> {
  const files = new Map<string, string>();
  const hasTypeScript = !isPython || hasUi || hasService;
  for (const [path, text] of Object.entries(template)) {
    if ((isPython ? OF_TYPESCRIPT : OF_PYTHON).test(path)) continue;
    if (!hasUi && path.startsWith("ui/")) continue;
    if (!hasService && path.startsWith("services/")) continue;
    if (!hasTypeScript && path === "tsconfig.json") continue;
    // Python's modules have no hyphens in their names.
    const module = isPython ? name.replace(/-/g, "_") : name;
    const target = path
      .replace(".python.md", ".md")
      .replace(".example.ts", ".test.ts")
      .replace(PLACEHOLDER, module);
    const own = text.replace(PLACEHOLDER_OF_TOOLS, domainOf(name));
    const imports = own.replace(/sample_tools/g, `${module}_tools`);
    files.set(target, imports.replace(PLACEHOLDER, name));
  }
  return files;
}

/**
 * Writes a new extension into `folder`, whole or not at all.
 * @returns the paths of its files, inside its own folder
 * @throws ConflictError when there is one of that name
 */
export async function createExtension(folder: string, options: ScaffoldOptions): Promise<string[]> {
  const { TEMPLATE } = await import("./template.generated.ts");
  const files = scaffold(TEMPLATE, options);
  const target = join(folder, options.name);
  if (!(await layOutFiles(files, target))) {
    throw new ConflictError(`Cannot make "${target}": it is there already`);
  }
  return [...files.keys()].sort();
}
