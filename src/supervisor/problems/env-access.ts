/** A `.env` that others on this machine can read, though it holds every key. */
import { statSync } from "node:fs";
import type { Finding } from "../problems.ts";

const OTHERS = 0o077;

/** The permissions of `path` as people write them ("644") when others have any; undefined when none or no file. */
export function openToOthers(path: string): string | undefined {
  const stats = statSync(path, { throwIfNoEntry: false });
  if (stats === undefined || (stats.mode & OTHERS) === 0) return undefined;
  return (stats.mode & 0o777).toString(8);
}

export function envAccessProblems(path: string): Finding[] {
  const mode = openToOthers(path);
  if (mode === undefined) return [];
  return [
    {
      id: "env-access",
      severity: "warning",
      title: "Other users of this machine may read Luna's keys",
      detail: `"${path}" has the permissions ${mode}, it should have 600.`,
      fix: `chmod 600 "${path}"   (or: luna doctor --fix)`,
    },
  ];
}
