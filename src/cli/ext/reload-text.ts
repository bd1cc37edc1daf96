/** What a reload did, for people. */
import type { ExtensionReload, ReloadedTools } from "../../contract/extension-reload.ts";

/** A start may take as long, and what is restarted is awaited. */
export const RELOAD_TIMEOUT_MS = 60_000;

function toolsText({ status, count, added, changed, removed, problems }: ReloadedTools): string[] {
  const lines: string[] = [];
  const counted = count === 1 ? "1 tool" : `${count} tools`;
  if (status === "kept") lines.push("  tools   not loaded; what was there before goes on");
  if (status === "loaded") lines.push(`  tools   ${counted}, callable now`);
  for (const [sign, names] of [
    ["+", added],
    ["~", changed],
    ["-", removed],
  ] as const) {
    for (const name of names) lines.push(`          ${sign} ${name}`);
  }
  return [...lines, ...problems.map((problem) => `  !       ${problem}`)];
}

export function reloadText({ extension, tools, processes, duration_ms }: ExtensionReload): string {
  const isWell = tools?.status !== "kept" && (tools?.problems ?? []).length === 0;
  return [
    `${extension} ${isWell ? "is loaded" : "is not loaded as it is"} (${Math.round(duration_ms)} ms)`,
    ...(tools === null ? [] : toolsText(tools)),
    ...processes.map(({ label, status }) => `  ${status.padEnd(8)}${label}`),
  ].join("\n");
}
