/** A run: one application of a queue, told by its journal `.luna/runs/<id>.jsonl`. */
import { z } from "zod";
import { OperationView } from "./queue.ts";

/** `failed`: could not be done, and touched nothing. `rolled_back`: was begun, and all is as before. */
export const RunState = z.enum(["waiting", "running", "done", "failed", "rolled_back"]);
export type RunState = z.infer<typeof RunState>;

/** The steps of a unit, each written down before it acts. */
export const UnitStep = z.enum([
  "check",
  "fetch",
  "validate",
  "packages",
  "stop",
  "back_up",
  "swap",
  "configure",
  "start",
  "health",
  "work",
  "roll_back",
]);
export type UnitStep = z.infer<typeof UnitStep>;

const At = { at: z.iso.datetime() };
/** Which unit of the run, in its order. */
const Unit = { ...At, unit: z.int().nonnegative() };

/** One line of the journal. It holds no secret: settings are in it by name alone. */
export const RunEvent = z.discriminatedUnion("event", [
  z.object({
    ...At,
    event: z.literal("run"),
    id: z.uuid(),
    by: z.string(),
    operations: z.array(OperationView),
  }),
  /** An execution begins: the first, or one that goes on where Luna was interrupted. */
  z.object({ ...At, event: z.literal("attempt"), attempt: z.int().positive() }),
  z.object({ ...Unit, event: z.literal("step"), step: UnitStep }),
  z.object({ ...Unit, event: z.literal("log"), text: z.string() }),
  z.object({
    ...Unit,
    event: z.literal("unit"),
    state: RunState,
    reason: z.string().optional(),
    /** What it wrote last, when it did not become well. */
    last_lines: z.array(z.string()).optional(),
  }),
  /** Luna was asked to stop in the middle: no failure of the run. */
  z.object({ ...At, event: z.literal("stopped") }),
  z.object({ ...At, event: z.literal("note"), text: z.string() }),
  z.object({ ...At, event: z.literal("end"), state: RunState }),
]);
export type RunEvent = z.infer<typeof RunEvent>;

const RunUnit = z.object({
  operation: OperationView,
  state: RunState,
  step: UnitStep.nullable(),
  reason: z.string().nullable(),
  last_lines: z.array(z.string()),
});

export const RunView = z.object({
  id: z.string(),
  state: RunState,
  by: z.string(),
  started_at: z.iso.datetime(),
  ended_at: z.iso.datetime().nullable(),
  attempt: z.int(),
  units: z.array(RunUnit),
  /** What else is to be said of it. */
  notes: z.array(z.string()),
});
export type RunView = z.infer<typeof RunView>;

/** `GET /runs/:id/events`. */
export const RunEvents = z.object({
  events: z.array(RunEvent),
  /** For the next page, or for what comes. */
  cursor: z.int().nonnegative(),
  ended: z.boolean(),
});
export type RunEvents = z.infer<typeof RunEvents>;
