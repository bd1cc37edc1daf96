/** What changes would do, for people: before they are asked whether they want that. */
import type { Preview, PreviewUnit } from "../../contract/queue.ts";

const EFFECTS: Record<PreviewUnit["effect"], string> = {
  "applies now": "nothing else is touched",
  restarts: "starts again:",
  "needs restart": "counts after Luna's next start",
};
const COMMIT_LENGTH = 12;

/** A commit or a digest as far as one compares it. */
function shortened(resolved: string | undefined): string[] {
  if (resolved === undefined) return [];
  const [kind, digest] = resolved.includes(":") ? resolved.split(":") : ["", resolved];
  return [`${kind === "" ? "" : `${kind}:`}${(digest ?? "").slice(0, COMMIT_LENGTH)}`];
}

function unitText(unit: PreviewUnit): string {
  const { operation, version, resolved, effect, restarts, secrets } = unit;
  const { type, target, source, settings = [] } = operation;
  const what = [target, ...(version ? [version] : []), ...(source ? [`from ${source}`] : [])];
  const ends = (type === "delete" || type === "disable") && restarts.length > 0;
  const missing = secrets.filter(({ set }) => !set).map(({ name }) => name);
  const set = secrets.filter((secret) => secret.set).map(({ name }) => name);
  const lines: [label: string, text: string][] = [
    ...shortened(resolved).map((text): [string, string] => ["exactly", text]),
    ...settings.map((name): [string, string] => ["sets", name]),
    ["effect", [ends ? "ends:" : EFFECTS[effect], ...restarts].join(" ")],
    ...unit.permissions.map((text): [string, string] => ["may", text]),
    ...(set.length > 0 ? [["gets", set.join(", ")] satisfies [string, string]] : []),
    ...(missing.length > 0
      ? [["asks for", `${missing.join(", ")}, which is not set yet`] satisfies [string, string]]
      : []),
    ...unit.commands.map(({ name, text }): [string, string] => ["runs", `${name}: ${text}`]),
    ...unit.warnings.map((text): [string, string] => ["note", text]),
    ...unit.problems.map((text): [string, string] => ["CANNOT", text]),
  ];
  const shown = lines.map(([label, text]) => {
    const own = text.trimEnd().replaceAll("\n", `\n${" ".repeat(INDENT)}`);
    return `  ${label.padEnd(INDENT - 2)}${own}`;
  });
  return [`${type} ${what.join(" ")}`, ...shown].join("\n");
}

const INDENT = 12;

export function previewText({ units, config, checks }: Preview): string {
  const failed = checks.filter(({ ok }) => !ok).map(({ name, text }) => `CANNOT ${name}: ${text}`);
  const changes = config.changes.map((name) => `setting ${name}`);
  const conflicts = config.conflicts.map((name) => `CANNOT set ${name}: it was changed meanwhile`);
  return [...units.map(unitText), ...changes, ...conflicts, ...failed].join("\n");
}

/** Whether all of it can be done. */
export function isPossible({ units, config, checks }: Preview): boolean {
  return (
    units.every(({ problems }) => problems.length === 0) &&
    config.conflicts.length === 0 &&
    checks.every(({ ok }) => ok)
  );
}
