/** Reads an extension's manifest, `config.json`, which may be absent, and `tools/tool_config.json`. */
import { join } from "node:path";
import { Manifest, ToolConfigFile } from "../contract/extension.ts";
import { readJsonIfThere } from "../lib/files.ts";
import { fieldError } from "./problem.ts";
import { isAllowedSecret } from "./secrets.ts";

export const MANIFEST_FILE = "config.json";
export const TOOL_CONFIG_FILE = "tools/tool_config.json";

/** @throws InvalidInputError for a secret that no extension may have */
export function checkSecrets({ required_secrets }: Manifest, path: string): void {
  const refused = required_secrets.findIndex(({ name }) => !isAllowedSecret(name));
  if (refused < 0) return;
  const field = `required_secrets[${refused}]`;
  throw fieldError(
    `Cannot read "${path}": ${field} is "${required_secrets[refused]?.name}", which no extension may have`,
    field,
  );
}

/**
 * The manifest of the extension in `folder`; the defaults when it has none.
 * @throws InvalidInputError that names the file and the field
 */
export async function readManifest(folder: string): Promise<Manifest> {
  const path = join(folder, MANIFEST_FILE);
  const manifest = (await readJsonIfThere(path, Manifest)) ?? Manifest.parse({});
  checkSecrets(manifest, path);
  return manifest;
}

/**
 * How the tools of the extension in `folder` may be used, as the extension itself says; empty when it says nothing.
 * @throws InvalidInputError that names the file and the field
 */
export async function readToolConfig(folder: string): Promise<ToolConfigFile> {
  return (await readJsonIfThere(join(folder, TOOL_CONFIG_FILE), ToolConfigFile)) ?? {};
}
