/** What a run has to do, whole and private: beside its journal as long as it is not over, as settings may be secrets. */
import { join } from "node:path";
import { z } from "zod";
import { AuditActor } from "../contract/audit.ts";
import { ConfigChange, type OperationView, QueueFile, QueueOperation } from "../contract/queue.ts";
import { readJsonIfThere, writeJsonAtomic } from "../lib/files.ts";
import { nameOfChange } from "./config-changes.ts";
import { viewOf } from "./plan.ts";

export const RunPlan = z.object({
  by: AuditActor,
  address: z.string().nullable(),
  /** In the order in which they are done. */
  operations: z.array(QueueOperation),
  config_changes: z.array(ConfigChange),
  /** The saved queue that this is, when it is one. */
  queue: QueueFile.nullable(),
});
export type RunPlan = z.infer<typeof RunPlan>;

function planPath(folder: string): string {
  return join(folder, "plan.json");
}

export function readPlan(folder: string): Promise<RunPlan | undefined> {
  return readJsonIfThere(planPath(folder), RunPlan);
}

export function writePlan(folder: string, plan: RunPlan): Promise<void> {
  return writeJsonAtomic(planPath(folder), plan);
}

/** The units of the run; changes of the configuration are the last. */
export function unitsOf({ operations, config_changes }: RunPlan): OperationView[] {
  const views = operations.map(viewOf);
  if (config_changes.length === 0) return views;
  const settings = config_changes.map(nameOfChange);
  return [...views, { type: "config", target: "master_config.json", settings }];
}

/** What of it was not done, as a queue. */
export function restOf(
  plan: RunPlan,
  { undone, run, reasons }: { undone: ReadonlySet<number>; run: string; reasons?: string[] },
): QueueFile {
  const { operations, config_changes, queue } = plan;
  const { created_at = new Date().toISOString(), master_config: _, ...rest } = queue ?? {};
  return {
    ...rest,
    created_at,
    operations: operations.filter((_one, index) => undone.has(index)),
    config_changes: undone.has(operations.length) ? config_changes : [],
    from_run: run,
    ...(reasons === undefined ? {} : { reasons }),
  };
}
