/** The update of Luna's own program: `.luna/core_update.json`, and what the control API tells of it. */
import { z } from "zod";

/** `.luna/core_update.json`: the newest change of the program, and how it ended. */
export const CoreUpdateFile = z.looseObject({
  /** `trying` until the new program has shown that it works here. */
  state: z.enum(["trying", "done", "rolled_back"]),
  from: z.string(),
  to: z.string(),
  /** The run that it belongs to. */
  run: z.string().nullable(),
  at: z.iso.datetime(),
  /** How often a bootstrap of the new program began. */
  starts: z.int().nonnegative().default(0),
  /** Why it was rolled back. */
  reason: z.string().nullable().default(null),
});
export type CoreUpdateFile = z.infer<typeof CoreUpdateFile>;

/** `POST /core/check-updates` (contract 4.10). */
export const CoreUpdates = z.object({
  update_available: z.boolean(),
  current: z.object({ version: z.string() }),
  /** What the newest release is; null when it cannot be known. */
  remote: z
    .object({ version: z.string(), published_at: z.string().nullable(), notes: z.string() })
    .nullable(),
  /** Why an update is not possible here, in a sentence that says what to do; null when it is. */
  refusal: z.string().nullable(),
});
export type CoreUpdates = z.infer<typeof CoreUpdates>;
