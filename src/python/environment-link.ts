/** Which Python an installed extension runs with: that of its environment, or the machine's. */
import { existsSync } from "node:fs";
import { join } from "node:path";

/** In the extension's folder; it leads to an environment that stays in its place while the folder is renamed. */
export const ENVIRONMENT_LINK = ".venv";

/** The `bin` folder of the extension's environment; undefined when it has none. */
export function pythonBinOf(extensionFolder: string): string | undefined {
  const bin = join(extensionFolder, ENVIRONMENT_LINK, "bin");
  return existsSync(join(bin, "python")) ? bin : undefined;
}
