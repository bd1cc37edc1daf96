/** Shows what changes would do, asks, applies them and follows the run. */
import { z } from "zod";
import { Preview, type QueueOperation } from "../../contract/queue.ts";
import { InvalidInputError } from "../../lib/errors.ts";
import type { Control } from "../control.ts";
import { CANCELLED, isTerminal } from "../hidden-line.ts";
import { followRun } from "./follow-run.ts";
import { isPossible, previewText } from "./preview-text.ts";

/** A preview fetches what would be installed. */
const PREVIEW_TIMEOUT_MS = 300_000;
const Started = z.object({ run_id: z.string() });

interface ApplyOptions {
  /** Nobody is asked. */
  isSure: boolean;
  isJson: boolean;
}

/** What was shown is what is installed: a branch may move in between. */
function pinned(operations: readonly QueueOperation[], { units }: Preview): QueueOperation[] {
  return operations.map((operation) => {
    if (operation.type !== "install" && operation.type !== "update") return operation;
    const unit = units.find(
      ({ operation: { type, target } }) => type === operation.type && target === operation.target,
    );
    return unit?.resolved === undefined ? operation : { ...operation, resolved: unit.resolved };
  });
}

/**
 * Applies operations, or the saved queue when there are none.
 * @returns the exit code
 */
export async function applyChanges(
  control: Control,
  operations: readonly QueueOperation[] | undefined,
  { isSure, isJson }: ApplyOptions,
): Promise<number> {
  const request = operations === undefined ? {} : { operations };
  const preview = await control.ask("/queue/preview", Preview, {
    ...{ method: "POST", body: request, timeoutMs: PREVIEW_TIMEOUT_MS },
  });
  if (isJson) process.stdout.write(`${JSON.stringify({ preview })}\n`);
  else process.stdout.write(`${previewText(preview)}\n`);
  if (!isPossible(preview)) return 1;
  if (!isSure && !isTerminal()) {
    throw new InvalidInputError("Cannot apply this without being told to: add --yes");
  }
  if (!isSure && !/^y/i.test(prompt("Do this? [y/N]") ?? "")) return CANCELLED;
  const body = operations === undefined ? {} : { operations: pinned(operations, preview) };
  const { run_id } = await control.ask("/queue/apply", Started, { method: "POST", body });
  const state = await followRun(control, run_id, { isJson });
  return state === "done" ? 0 : 1;
}
