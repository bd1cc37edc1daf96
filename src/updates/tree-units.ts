/** Installs, updates and deletes an extension: all is made ready aside, and then changes places in one step. */
import { existsSync } from "node:fs";
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import type { MasterConfigStore } from "../config/master-config.ts";
import type { Paths } from "../config/paths.ts";
import type { QueueOperation } from "../contract/queue.ts";
import { ConflictError, InvalidInputError, NotFoundError } from "../lib/errors.ts";
import { syncTree } from "../lib/tree.ts";
import { missingPackages } from "../packages/missing.ts";
import { inspectTree } from "./inspect.ts";
import type { Fetch, Fetched, InstallPackages, LiveExtensions } from "./parts.ts";
import { identitiesOf, swapIn } from "./tree-swap.ts";
import { carryData, type Entry, noteBefore, type UnitContext } from "./unit.ts";
import { startAndProve } from "./well.ts";

export interface TreeParts {
  paths: Paths;
  config: MasterConfigStore;
  fetch: Fetch;
  installPackages: InstallPackages;
  live: LiveExtensions;
  /** How long a new version may take to become well. */
  graceMs(): number;
}

type Operation<Type extends QueueOperation["type"]> = Extract<QueueOperation, { type: Type }>;
type Change = Operation<"install"> | Operation<"update">;

/** What lies in extensions/ already, and was put there by hand. */
const LOCAL = "local";

async function entryOf(config: MasterConfigStore, target: string): Promise<Entry | null> {
  return (await config.read()).extensions[target] ?? null;
}

/** Where the new version comes from. */
function sourceOf({ operation, place }: UnitContext<Change>, entry: Entry | null): string {
  const { target, type } = operation;
  if (type === "install") return operation.source;
  if (!existsSync(place.live)) {
    throw new NotFoundError(`Cannot update "${target}": it is not installed`);
  }
  const source = operation.source ?? entry?.source ?? LOCAL;
  if (source === LOCAL || source === "") {
    throw new InvalidInputError(
      `Cannot update "${target}": it lies in extensions/ without a source; say where its new version is`,
    );
  }
  return source;
}

async function fetchInto(
  unit: UnitContext<Change>,
  source: string,
  fetch: Fetch,
): Promise<Fetched> {
  const { operation, place, signal } = unit;
  // The run's folder is Luna's own; a unit that is tried again begins anew.
  await rm(place.folder, { recursive: true, force: true });
  await mkdir(place.folder, { recursive: true, mode: 0o700 });
  const fetched = await fetch(source, { into: place.staged, signal });
  if (operation.resolved !== undefined && operation.resolved !== fetched.resolved) {
    throw new ConflictError(
      `Cannot ${operation.type} "${operation.target}": its source has changed since it was shown (${operation.resolved} then, ${fetched.resolved} now); look at it again`,
    );
  }
  unit.log(`Got ${fetched.files} files, ${fetched.bytes} bytes: ${fetched.source}`);
  return fetched;
}

/** Makes the tree ready in staging; answers with why it must not run, when that is so. */
async function makeReady(
  unit: UnitContext<Change>,
  { parts, trusted }: { parts: TreeParts; trusted: boolean },
): Promise<string[]> {
  const { place, operation, signal, log } = unit;
  await unit.step("validate");
  const { warnings } = await inspectTree(place.staged, operation.target);
  for (const warning of warnings) log(warning);
  await unit.step("packages");
  const { installed, problems } = await parts.installPackages({
    ...{ folder: place.staged, trusted, log, signal },
  });
  if (installed.length > 0) log(`Installed packages in ${installed.join(", ")}`);
  for (const problem of problems) log(problem);
  return problems;
}

/** @returns what a person should know although all went well */
export async function changeTree(
  unit: UnitContext<Change>,
  parts: TreeParts,
): Promise<string | undefined> {
  const { operation, place, log } = unit;
  const { config, live } = parts;
  const { target } = operation;
  await unit.step("check");
  const before = await entryOf(config, target);
  const source = sourceOf(unit, before);
  if (operation.type === "install" && (source === LOCAL || source === "")) {
    return registerLocal({ ...unit, operation }, parts);
  }
  const trusted = operation.trust_scripts ?? before?.["trust_scripts"] === true;
  await unit.step("fetch");
  const fetched = await fetchInto(unit, source, parts.fetch);
  const problems = await makeReady(unit, { parts, trusted });
  await unit.step("stop");
  await live.hold(target);
  await unit.step("back_up");
  const bytes = await carryData(place, { paths: parts.paths, target });
  if (bytes > 0) log(`Carried ${bytes} bytes of data over`);
  await syncTree(place.staged);
  const swap = await identitiesOf(place);
  await noteBefore(place, { entry: before, swap });
  await unit.step("swap");
  await swapIn(place, swap);
  await unit.step("configure");
  const wanted = operation.type === "install" ? operation.enabled : undefined;
  const enabled = problems.length === 0 && (wanted ?? before?.enabled ?? true);
  await config.update((draft) => {
    const entry = draft.extensions[target] ?? { config: {} };
    const { source: from, resolved } = fetched;
    const told = { ...entry, enabled, source: from, resolved };
    draft.extensions[target] = trusted ? { ...told, trust_scripts: true } : told;
  });
  await startAndProve(unit, { live, target, graceMs: parts.graceMs(), isEnabled: enabled });
  return problems.length === 0 ? undefined : problems.join("; ");
}

/** Its files are there, and stay as their author has them; only the configuration has to know. */
async function registerLocal(
  unit: UnitContext<Operation<"install">>,
  { config, live, graceMs }: TreeParts,
): Promise<string | undefined> {
  const { operation, place } = unit;
  const { target } = operation;
  if (!existsSync(place.live)) {
    throw new NotFoundError(
      `Cannot install "${target}": "${place.live}" is not there; put it there, or say where it comes from`,
    );
  }
  await unit.step("validate");
  await inspectTree(place.live, target);
  const before = await entryOf(config, target);
  await mkdir(place.folder, { recursive: true, mode: 0o700 });
  await noteBefore(place, { entry: before, swap: null });
  await unit.step("configure");
  const enabled = operation.enabled ?? true;
  await config.update((draft) => {
    const entry = draft.extensions[target] ?? { config: {} };
    draft.extensions[target] = { ...entry, enabled, source: LOCAL };
  });
  await startAndProve(unit, { live, target, graceMs: graceMs(), isEnabled: enabled });
  const missing = await missingPackages(place.live);
  if (missing.length === 0) return undefined;
  return `what ${missing.join(", ")} ${missing.length === 1 ? "asks" : "ask"} for is not installed; "luna ext add ${place.live}" does it`;
}

export async function deleteTree(
  unit: UnitContext<Operation<"delete">>,
  { config, live, paths }: TreeParts,
): Promise<void> {
  const { operation, place } = unit;
  const { target } = operation;
  await unit.step("check");
  const before = await entryOf(config, target);
  const isThere = existsSync(place.live);
  if (!isThere && before === null) {
    throw new NotFoundError(
      `Cannot delete "${target}": no extension of that name is in "${join(paths.extensions, target)}"`,
    );
  }
  await unit.step("stop");
  await live.hold(target);
  await mkdir(place.folder, { recursive: true, mode: 0o700 });
  const swap = { ...(await identitiesOf(place)), new: null };
  await noteBefore(place, { entry: before, swap });
  await unit.step("swap");
  await swapIn(place, swap);
  await unit.step("configure");
  await config.update((draft) => {
    delete draft.extensions[target];
  });
  await live.forget(target);
  live.release(target);
  await live.sync();
}
