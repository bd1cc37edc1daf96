/** What is recorded of a change of master_config.json: what, by name, and never to which value. */
import type { AuditTrail } from "../audit/trail.ts";
import type { MasterConfig } from "../contract/config.ts";
import { changedPaths } from "../lib/changed-paths.ts";

/** `extensions.notes.config` */
const DEPTH = 3;
const NAMES_MAX = 50;

/** Dotted names of all that differs; never a value. */
export function changedNames(before: unknown, after: unknown): string[] {
  return changedPaths(before, after, DEPTH).sort();
}

/** Those names as the audit log has them, however many they are. */
export function changeDetails(changed: readonly string[]) {
  return {
    changed: changed.slice(0, NAMES_MAX),
    ...(changed.length > NAMES_MAX ? { further: changed.length - NAMES_MAX } : {}),
  };
}

export function recordConfigEdits(audit: Pick<AuditTrail, "record">) {
  return (before: MasterConfig, after: MasterConfig): void => {
    const changed = changedNames(before, after);
    if (changed.length === 0) return;
    audit.record({
      actor: { kind: "local", name: "an editor of the file" },
      ...{ action: "config.change", target: "master_config.json", outcome: "ok" },
      details: changeDetails(changed),
    });
  };
}
