/** Reads an extension's manifest, `config.json`, which may be absent. */
import { join } from "node:path";
import { Manifest } from "../contract/extension.ts";
import { InvalidInputError } from "../lib/errors.ts";
import { readJsonIfThere } from "../lib/files.ts";
import { isAllowedSecret } from "./secrets.ts";

export const MANIFEST_FILE = "config.json";

/**
 * The manifest of the extension in `folder`; the defaults when it has none.
 * @throws InvalidInputError that names the file and the field
 */
export async function readManifest(folder: string): Promise<Manifest> {
  const path = join(folder, MANIFEST_FILE);
  const manifest = (await readJsonIfThere(path, Manifest)) ?? Manifest.parse({});
  const refused = manifest.required_secrets.findIndex(({ name }) => !isAllowedSecret(name));
  if (refused >= 0) {
    throw new InvalidInputError(
      `Cannot read "${path}": required_secrets[${refused}] is "${manifest.required_secrets[refused]?.name}", which no extension may have`,
    );
  }
  return manifest;
}
