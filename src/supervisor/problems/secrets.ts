/** Keys that extensions ask for and that nobody has set: what needs them fails when it is used. */
import type { Finding } from "../problems.ts";

export interface MissingSecret {
  name: string;
  /** Those that ask for it. */
  extensions: readonly string[];
}

export function secretProblems(missing: readonly MissingSecret[]): Finding[] {
  return missing.map(({ name, extensions }) => ({
    id: `secret-${name}`,
    severity: "warning",
    title: `${extensions.join(", ")} ${extensions.length === 1 ? "needs" : "need"} the key ${name}, which is not set`,
    detail: "Tools and services that use it fail until it is set.",
    fix: `Set it on the page "Keys & secrets", or with: luna secrets set ${name}`,
  }));
}
