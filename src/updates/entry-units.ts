/** Enables, disables and sets up an extension: changes of its entry in master_config.json, which go back when it is not well. */
import { existsSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import type { QueueOperation } from "../contract/queue.ts";
import { NotFoundError } from "../lib/errors.ts";
import { mergePatch } from "../lib/merge-patch.ts";
import { isRecord } from "../lib/record.ts";
import type { TreeParts } from "./tree-units.ts";
import { noteBefore, type UnitContext } from "./unit.ts";
import { startAndProve } from "./well.ts";

type EntryOperation = Extract<QueueOperation, { type: "enable" | "disable" | "settings" }>;

export async function changeEntry(
  unit: UnitContext<EntryOperation>,
  { config, live, graceMs }: Pick<TreeParts, "config" | "live" | "graceMs">,
): Promise<void> {
  const { operation, place } = unit;
  const { target, type } = operation;
  await unit.step("check");
  const before = (await config.read()).extensions[target];
  if (before === undefined || !existsSync(place.live)) {
    throw new NotFoundError(`Cannot change "${target}": no extension of that name is installed`);
  }
  await mkdir(place.folder, { recursive: true, mode: 0o700 });
  await noteBefore(place, { entry: before, swap: null });
  const isEnabled = type === "settings" ? before.enabled : type === "enable";
  // Tools and processes read their settings at their start.
  await unit.step("stop");
  await live.hold(target);
  await unit.step("configure");
  await config.update((draft) => {
    const entry = draft.extensions[target] ?? before;
    const merged = type === "settings" ? mergePatch(entry.config, operation.config) : undefined;
    draft.extensions[target] = {
      ...entry,
      enabled: isEnabled,
      ...(isRecord(merged) ? { config: merged } : {}),
    };
  });
  await startAndProve(unit, { live, target, graceMs: graceMs(), isEnabled });
}
