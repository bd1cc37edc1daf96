/** The configuration over HTTP: what is answered beside master_config.json itself. */
import { z } from "zod";
import { ExtensionProblem } from "./extension.ts";

/** The member of the answered configuration that is about it and not of it; whoever sends it back may leave it in. */
export const ABOUT = "$luna";

/** A setting that the environment of `luna up` or `.env` decides. */
const ConfigOverride = z.object({
  field: z.enum(["deployment_mode", "public_domain"]),
  /** The variable, such as `DEPLOYMENT_MODE`. */
  variable: z.string(),
  /** What the file says; it counts once the variable is gone. */
  stored: z.string(),
});
export type ConfigOverride = z.infer<typeof ConfigOverride>;

const Needs = {
  /** Settings that are not as they were at the start, and count with the next one. */
  needs_restart: z.array(z.string()),
};

/** `GET /config/master`: the configuration without its secrets, with what the environment decides in place. */
export const ConfigAnswer = z.looseObject({
  [ABOUT]: z.object({
    /** The same as in `ETag`; `If-Match` takes it. */
    revision: z.string(),
    overrides: z.array(ConfigOverride),
    ...Needs,
    /** Why the file as it is now does not count, and this is what it said before; null when it does. */
    problem: z.string().nullable(),
  }),
});
export type ConfigAnswer = z.infer<typeof ConfigAnswer>;

/** The answer to every writer. */
export const ConfigChanged = z.object({
  updated: z.literal(true),
  revision: z.string(),
  /** Dotted names of what is not as it was. */
  changed: z.array(z.string()),
  ...Needs,
});
export type ConfigChanged = z.infer<typeof ConfigChanged>;

/** `details` of the 409 that a writer gets who has not seen the present content; nothing secret is in it. */
export const ConfigConflict = z.object({
  yours: z.unknown(),
  current: z.unknown(),
  /** Of `current`. */
  revision: z.string(),
});
export type ConfigConflict = z.infer<typeof ConfigConflict>;

/** `POST /config/sync` (contract 4.10). */
export const ConfigSynced = z.object({
  success: z.literal(true),
  /** The extensions whose files agree with the configuration now. */
  synced: z.array(z.string()),
  /** Those of the configuration that have no usable folder, or no manifest. */
  skipped: z.array(z.string()),
  problems: z.array(ExtensionProblem),
});
export type ConfigSynced = z.infer<typeof ConfigSynced>;
