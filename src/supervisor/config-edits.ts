/** Records that somebody changed master_config.json by hand: what, by name, and never to which value. */
import type { AuditTrail } from "../audit/trail.ts";
import type { MasterConfig } from "../contract/config.ts";
import { changedPaths } from "../lib/changed-paths.ts";

/** `extensions.notes.config` */
const DEPTH = 3;
const NAMES_MAX = 50;

export function recordConfigEdits(audit: Pick<AuditTrail, "record">) {
  return (before: MasterConfig, after: MasterConfig): void => {
    const changed = changedPaths(before, after, DEPTH).sort();
    if (changed.length === 0) return;
    audit.record({
      actor: { kind: "local", name: "an editor of the file" },
      ...{ action: "config.change", target: "master_config.json", outcome: "ok" },
      details: {
        changed: changed.slice(0, NAMES_MAX),
        ...(changed.length > NAMES_MAX ? { further: changed.length - NAMES_MAX } : {}),
      },
    });
  };
}
