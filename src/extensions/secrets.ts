/** Which secrets an extension may ask for, and the ones it gets. */
import type { Manifest } from "../contract/extension.ts";

/** Luna's own keys; with one of these a tool could pass for Luna itself. */
const OWN_KEYS: ReadonlySet<string> = new Set(["SUPERVISOR_API_TOKEN", "AGENT_API_KEY"]);
/** What changes how Luna's binary, the loader or a shell behaves is no secret. */
const NOT_SECRETS = /^(?:LUNA_|BUN_|NODE_|LD_|DYLD_|BASH_|(?:PATH|HOME|SHELL|ENV|IFS|USER|TZ)$)/;

/** Whether an extension may name `key` in `required_secrets`. */
export function isAllowedSecret(key: string): boolean {
  return !OWN_KEYS.has(key) && !NOT_SECRETS.test(key);
}

/** The secrets that an extension's processes get: those its manifest asks for and that have a value. */
export function secretsFor(
  manifest: Manifest,
  values: Readonly<Record<string, string | undefined>>,
): Record<string, string> {
  const secrets: Record<string, string> = {};
  for (const key of manifest.required_secrets) {
    const value = values[key];
    if (value !== undefined && value !== "" && isAllowedSecret(key)) secrets[key] = value;
  }
  return secrets;
}
