/** What differs between two JSON values, by name alone. */
import { isRecord } from "./record.ts";

/** Dotted names of all that differs, no deeper than `depth`; never a value. */
export function changedPaths(before: unknown, after: unknown, depth: number): string[] {
  if (Bun.deepEquals(before, after, true)) return [];
  if (depth === 0 || !isRecord(before) || !isRecord(after)) return [""];
  const names = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...names].flatMap((name) =>
    changedPaths(before[name], after[name], depth - 1).map((path) =>
      path === "" ? name : `${name}.${path}`,
    ),
  );
}
