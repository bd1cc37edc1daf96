/** A new version of Luna that was taken back. */
import type { CoreUpdateFile } from "../../contract/core-update.ts";
import type { Finding } from "../problems.ts";

export function coreUpdateProblems(update: CoreUpdateFile | undefined): Finding[] {
  if (update?.state !== "rolled_back") return [];
  return [
    {
      id: "core-update",
      severity: "warning",
      title: `Luna ${update.to} was taken back, ${update.from} runs`,
      detail: update.reason ?? "It did not run well.",
      fix: "luna logs supervisor --since 1h   (then try a newer version)",
      since: update.at,
    },
  ];
}
