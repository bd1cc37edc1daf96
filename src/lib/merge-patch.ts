/** JSON Merge Patch (RFC 7396): null takes a member away, objects go on inside, all else replaces. */
import { isRecord } from "./record.ts";

/** The result as a new value; neither argument is changed. */
export function mergePatch(target: unknown, patch: unknown): unknown {
  if (!isRecord(patch)) return patch;
  const members = new Map(Object.entries(isRecord(target) ? target : {}));
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) members.delete(name);
    else members.set(name, mergePatch(members.get(name), value));
  }
  // Not by assignment: a member may be called "__proto__".
  return Object.fromEntries(members);
}
