/** Which secrets an extension may ask for, and the ones it gets. */
import type { Manifest } from "../contract/extension.ts";
import { nameRefusal } from "../contract/key-rules.ts";

/** Whether an extension may name `key` in `required_secrets`: what nobody may set, none may have. */
export function isAllowedSecret(key: string): boolean {
  return nameRefusal(key) === undefined;
}

/** The names of the secrets that the manifest asks for. */
export function secretNames({ required_secrets }: Pick<Manifest, "required_secrets">): string[] {
  return required_secrets.map(({ name }) => name);
}

/** The secrets that an extension's processes get: those its manifest asks for and that have a value. */
export function secretsFor(
  manifest: Pick<Manifest, "required_secrets">,
  values: Readonly<Record<string, string | undefined>>,
): Record<string, string> {
  const secrets: Record<string, string> = {};
  for (const key of secretNames(manifest)) {
    const value = values[key];
    if (value !== undefined && value !== "" && isAllowedSecret(key)) secrets[key] = value;
  }
  return secrets;
}
