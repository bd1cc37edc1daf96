/** `POST /extensions/:name/reload`: an extension's files as they are now are taken up, without a restart of Luna. */
import { z } from "zod";

const ExtensionPart = z
  .string()
  .max(80)
  .regex(
    /^(?:tools|ui|services\/[a-z0-9][a-z0-9_-]{0,63})$/,
    "must be tools, ui or services/<service>",
  );

export const ReloadRequest = z.strictObject({
  /** Those whose files changed; all of them otherwise. */
  parts: z.array(ExtensionPart).max(64).optional(),
  /** The tools are kept ready for an hour, as for somebody who is working on them. */
  stay: z.boolean().default(false),
});

export const ReloadedTools = z.object({
  /**
   * - `loaded`: the next call runs the new code.
   * - `kept`: it cannot be loaded; what was there before goes on, if it was running.
   * - `none`: there are no tools.
   */
  status: z.enum(["loaded", "kept", "none"]),
  count: z.int(),
  added: z.array(z.string()),
  /** Of these, what clients are told is another: description, schema, annotations, example. */
  changed: z.array(z.string()),
  removed: z.array(z.string()),
  /** What could not be loaded, one sentence each, with file and line. */
  problems: z.array(z.string()),
});
export type ReloadedTools = z.infer<typeof ReloadedTools>;

export const ExtensionReload = z.object({
  extension: z.string(),
  /** null when they were not asked for. */
  tools: ReloadedTools.nullable(),
  /** The UI and the services that were started again, and how they are now. */
  processes: z.array(z.object({ name: z.string(), label: z.string(), status: z.string() })),
  duration_ms: z.number(),
});
export type ExtensionReload = z.infer<typeof ExtensionReload>;
