/** Starts an extension after a change, and takes the change for good only when all of it is well. */
import { UnavailableError } from "../lib/errors.ts";
import type { LiveExtensions } from "./parts.ts";
import type { UnitContext } from "./unit.ts";

/** What did not become well, with what it wrote last. */
export class UnwellError extends UnavailableError {
  readonly lastLines: readonly string[];

  constructor(message: string, lastLines: readonly string[]) {
    super(message);
    this.lastLines = lastLines;
  }
}

/** @throws UnwellError */
export async function startAndProve(
  unit: Pick<UnitContext, "step" | "log" | "signal">,
  options: { live: LiveExtensions; target: string; graceMs: number; isEnabled: boolean },
): Promise<void> {
  const { live, target, graceMs, isEnabled } = options;
  await unit.step("start");
  live.release(target);
  await live.sync();
  if (!isEnabled) return;
  await unit.step("health");
  const wellness = await live.untilWell(target, graceMs, unit.signal);
  if (!wellness.well) {
    throw new UnwellError(
      `Cannot use "${target}" as it is now: ${wellness.reason}`,
      wellness.last_lines,
    );
  }
  for (const warning of wellness.warnings) unit.log(warning);
}
