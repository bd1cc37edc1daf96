/** One operation of a run while it is done: where it works, what it writes down, and how it goes back. */
import { existsSync } from "node:fs";
import { mkdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import type { MasterConfigStore } from "../config/master-config.ts";
import type { Paths } from "../config/paths.ts";
import type { MasterConfig } from "../contract/config.ts";
import type { QueueOperation } from "../contract/queue.ts";
import type { UnitStep } from "../contract/run.ts";
import { readJsonIfThere, writeJsonAtomic } from "../lib/files.ts";
import { bytesBelow, copyTree, identityOf, syncFolder } from "../lib/tree.ts";
import { type SwapPlaces, swapBack } from "./tree-swap.ts";

/** Of an extension's folder: its own, whatever version is installed (src/services/tool-host). */
export const DATA_FOLDER = "data";

type Entry = MasterConfig["extensions"][string];

/** How all was before the unit changed anything; it may hold settings, and ends with the unit. */
const Before = z.object({
  entry: z.looseObject({ enabled: z.boolean() }).nullable(),
  swap: z.object({ old: z.string().nullable(), new: z.string().nullable() }).nullable(),
});
type Before = z.infer<typeof Before>;

export interface UnitPlace extends SwapPlaces {
  /** All that it makes. */
  folder: string;
  before: string;
}

export function placeOf(
  paths: Pick<Paths, "runs" | "extensions">,
  run: string,
  { index, target }: { index: number; target: string },
): UnitPlace {
  const folder = join(paths.runs, run, String(index));
  return {
    folder,
    live: join(paths.extensions, target),
    staged: join(folder, "new"),
    aside: join(folder, "old"),
    before: join(folder, "before.json"),
  };
}

export interface UnitContext<Operation = QueueOperation> {
  operation: Operation;
  place: UnitPlace;
  signal: AbortSignal;
  /** Writes down what comes next, before it is done. */
  step(step: UnitStep): Promise<void>;
  log(text: string): void;
}

/** Writes down how all is now; from then on the unit goes back to it, whatever ends it. */
export async function noteBefore(place: UnitPlace, before: Before): Promise<void> {
  await writeJsonAtomic(place.before, before);
}

export function isTouched(place: UnitPlace): boolean {
  return existsSync(place.before);
}

/** Puts files and configuration back to how they were before the unit. Done twice, it is done once. */
export async function undo(
  place: UnitPlace,
  { target, config }: { target: string; config: MasterConfigStore },
): Promise<void> {
  const before = await readJsonIfThere(place.before, Before);
  if (before !== undefined) {
    if (before.swap !== null) await swapBack(place, before.swap);
    await restoreEntry(config, target, before.entry);
  }
  await rm(place.folder, { recursive: true, force: true });
}

async function restoreEntry(
  config: MasterConfigStore,
  target: string,
  entry: Before["entry"],
): Promise<void> {
  const now = (await config.read()).extensions[target] ?? null;
  if (Bun.deepEquals(now, entry)) return;
  await config.update((draft) => {
    if (entry === null) delete draft.extensions[target];
    else draft.extensions[target] = { source: "local", config: {}, ...entry };
  });
}

/** What `target` has to have in the staged tree of its next version: the data of the present one, or what was kept. */
export async function carryData(
  place: UnitPlace,
  { paths, target }: { paths: Pick<Paths, "keptData">; target: string },
): Promise<number> {
  const own = join(place.live, DATA_FOLDER);
  const kept = join(paths.keptData, target);
  const from = [own, kept].find((path) => existsSync(path));
  if (from === undefined) return 0;
  const to = join(place.staged, DATA_FOLDER);
  // What its author packed is for those who have none yet.
  await rm(to, { recursive: true, force: true });
  await copyTree(from, to);
  return bytesBelow(to);
}

async function replaceFolder(from: string, to: string, parent: string): Promise<void> {
  await mkdir(parent, { recursive: true, mode: 0o700 });
  await rm(to, { recursive: true, force: true });
  await rename(from, to);
  await syncFolder(parent);
}

/**
 * Clears up behind a unit that is done: what was there before becomes the extension's backup, and the data of one that
 * was deleted is kept. Done twice, it is done once.
 */
export async function finish(
  place: UnitPlace,
  { operation, paths }: { operation: QueueOperation; paths: Paths },
): Promise<void> {
  if ("target" in operation) {
    const { target, type } = operation;
    const data = join(place.aside, DATA_FOLDER);
    const keepsData = operation.type === "delete" && operation.remove_data !== true;
    if (keepsData && existsSync(data)) {
      await replaceFolder(data, join(paths.keptData, target), paths.keptData);
    }
    if (operation.type === "delete" && operation.remove_data === true) {
      await rm(data, { recursive: true, force: true });
      await rm(join(paths.keptData, target), { recursive: true, force: true });
    }
    if ((await identityOf(place.aside)) !== undefined) {
      await replaceFolder(place.aside, join(paths.backups, target), paths.backups);
    }
    // It has been carried over into what is installed now.
    if (type === "install")
      await rm(join(paths.keptData, target), { recursive: true, force: true });
  }
  await rm(place.folder, { recursive: true, force: true });
}

export type { Entry };
