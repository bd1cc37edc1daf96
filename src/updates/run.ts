/** Executes a run unit by unit: each wholly done or wholly undone, and the others go on. */
import { rm } from "node:fs/promises";
import type { QueueOperation } from "../contract/queue.ts";
import type { RunView } from "../contract/run.ts";
import { InvalidInputError, LunaError, messageOf } from "../lib/errors.ts";
import type { Logger } from "../lib/log.ts";
import { applyChanges, nameOfChange } from "./config-changes.ts";
import { changeEntry } from "./entry-units.ts";
import type { Journal, NewEvent } from "./journal.ts";
import type { InstallService, UpdateCore } from "./parts.ts";
import { targetOf } from "./plan.ts";
import type { RunPlan } from "./run-plan.ts";
import { changeTree, deleteTree, type TreeParts } from "./tree-units.ts";
import { finish, isTouched, placeOf, type UnitContext, type UnitPlace, undo } from "./unit.ts";
import { UnwellError } from "./well.ts";

/** Downloads and packages have shorter bounds of their own. */
const UNIT_TIMEOUT_MS = 30 * 60_000;
/** What must be written down is tried again on a full disk. */
const WRITE_RETRY_MS = 500;
/** Then it is left to the next start. */
const ROLL_BACK_TIMEOUT_MS = 10 * 60_000;

export interface RunParts extends TreeParts {
  installService: InstallService;
  updateCore: UpdateCore;
  log: Logger;
}

export interface RunOptions {
  id: string;
  plan: RunPlan;
  /** How far it is, by its journal. */
  view(): RunView;
  journal: Journal;
  parts: RunParts;
  /** Luna stops: what is under way is left to the next start. */
  stopping: AbortSignal;
}

/** Luna was asked to stop: neither done nor failed. */
export class StoppedError extends Error {}

/** Writes what the rest depends on, as soon as the disk takes it. */
export async function appendSurely(
  { journal, stopping }: Pick<RunOptions, "journal" | "stopping">,
  event: NewEvent,
): Promise<void> {
  for (;;) {
    try {
      return await journal.append(event);
    } catch (error) {
      if (stopping.aborted) throw new StoppedError("", { cause: error });
      await Bun.sleep(WRITE_RETRY_MS);
    }
  }
}

function contextOf(options: RunOptions, index: number, operation: QueueOperation): UnitContext {
  const { id, journal, parts, stopping } = options;
  const signal = AbortSignal.any([stopping, AbortSignal.timeout(UNIT_TIMEOUT_MS)]);
  return {
    operation,
    place: placeOf(parts.paths, id, { index, target: targetOf(operation) }),
    signal,
    step: async (step) => {
      signal.throwIfAborted();
      await journal.append({ event: "step", unit: index, step });
    },
    log: (text) => void journal.tell(index, text),
  };
}

/** @returns what a person should know although it is done */
async function act(
  unit: UnitContext,
  { id: run, parts }: Pick<RunOptions, "id" | "parts">,
): Promise<string | undefined> {
  const { operation, signal, log } = unit;
  switch (operation.type) {
    case "install":
    case "update":
      return changeTree({ ...unit, operation }, parts);
    case "delete":
      await deleteTree({ ...unit, operation }, parts);
      return undefined;
    case "enable":
    case "disable":
    case "settings":
      await changeEntry({ ...unit, operation }, parts);
      return undefined;
    case "install_external_service": {
      const { name, config, definition } = operation;
      await unit.step("work");
      await parts.installService(name, { config, definition, log, signal });
      return undefined;
    }
    case "update_core":
      await unit.step("work");
      await parts.updateCore(operation, { run, log, signal });
      return undefined;
  }
}

/** Brings files, configuration and processes back to how they were. */
async function rollBack(
  options: RunOptions,
  index: number,
  { operation, place }: { operation: QueueOperation; place: UnitPlace },
): Promise<void> {
  const { parts, stopping } = options;
  const target = targetOf(operation);
  await appendSurely(options, { event: "step", unit: index, step: "roll_back" });
  await parts.live.hold(target);
  const deadline = performance.now() + ROLL_BACK_TIMEOUT_MS;
  for (;;) {
    try {
      return await undo(place, { target, config: parts.config });
    } catch (error) {
      parts.log.error(`Cannot roll "${target}" back yet: ${messageOf(error)}`);
      // The next start does it, before anything of it runs.
      if (stopping.aborted || performance.now() > deadline) throw new StoppedError();
      await Bun.sleep(WRITE_RETRY_MS);
    }
  }
}

/** A reason is what whoever asked is told; an error that nobody foresaw is for the log. */
function reasonOf(error: unknown, log: Logger): string {
  if (error instanceof LunaError) return messageOf(error);
  log.error("A unit of a run failed unexpectedly", { error });
  return `it failed unexpectedly: ${messageOf(error)}`;
}

async function runUnit(
  options: RunOptions,
  index: number,
  operation: QueueOperation,
): Promise<void> {
  const { parts, stopping } = options;
  const unit = contextOf(options, index, operation);
  const target = targetOf(operation);
  try {
    const reason = await act(unit, options);
    const told = reason === undefined ? {} : { reason };
    await appendSurely(options, { event: "unit", unit: index, state: "done", ...told });
  } catch (error) {
    if (error instanceof StoppedError || stopping.aborted) throw new StoppedError();
    await fail(options, index, { operation, place: unit.place, error });
    return;
  } finally {
    parts.live.release(target);
  }
  // What stays behind when the disk refuses is cleared up at the next start.
  await finish(unit.place, { operation, paths: parts.paths }).catch((error: unknown) =>
    parts.log.error(`Cannot clear up behind a run: ${messageOf(error)}`, { run: options.id }),
  );
}

async function fail(
  options: RunOptions,
  index: number,
  failed: { operation: QueueOperation; place: UnitPlace; error: unknown },
): Promise<void> {
  const { parts } = options;
  const { operation, place, error } = failed;
  const touched = isTouched(place);
  if (touched) await rollBack(options, index, { operation, place });
  else await rm(place.folder, { recursive: true, force: true }).catch(() => undefined);
  parts.live.release(targetOf(operation));
  await parts.live.sync();
  await appendSurely(options, {
    ...{ event: "unit", unit: index, state: touched ? "rolled_back" : "failed" },
    reason: reasonOf(error, parts.log),
    ...(error instanceof UnwellError ? { last_lines: [...error.lastLines] } : {}),
  });
}

/** The values that a queue with a whole configuration changes; those that somebody else changed stay. */
async function runConfig(options: RunOptions, index: number): Promise<void> {
  const { plan, parts, journal } = options;
  const { config_changes } = plan;
  try {
    await journal.append({ event: "step", unit: index, step: "configure" });
    let conflicts: readonly string[] = [];
    await parts.config.update((draft) => {
      conflicts = applyChanges(draft, config_changes).map(nameOfChange);
    });
    await parts.live.sync();
    const reason = `somebody else changed ${conflicts.join(", ")} since; these stay as they are`;
    await appendSurely(options, {
      ...{ event: "unit", unit: index, state: "done" },
      ...(conflicts.length === 0 ? {} : { reason }),
    });
  } catch (error) {
    if (error instanceof StoppedError) throw error;
    const reason =
      error instanceof Error && error.name === "ZodError"
        ? new InvalidInputError(`Cannot change the configuration: ${messageOf(error)}`).message
        : reasonOf(error, parts.log);
    await appendSurely(options, { event: "unit", unit: index, state: "failed", reason });
  }
}

/**
 * Does what is not done yet.
 * @throws StoppedError when Luna was asked to stop
 */
export async function execute(options: RunOptions): Promise<void> {
  const { plan } = options;
  const stateOf = (index: number) => options.view().units[index]?.state;
  for (const [index, operation] of plan.operations.entries()) {
    if (options.stopping.aborted) throw new StoppedError();
    if (stateOf(index) === "waiting") await runUnit(options, index, operation);
  }
  const last = plan.operations.length;
  if (plan.config_changes.length > 0 && stateOf(last) === "waiting") {
    await runConfig(options, last);
  }
}
