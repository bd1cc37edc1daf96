/** The update queue: what is to be changed, and as it was saved (specification 4.3; contract 6.4). */
import { z } from "zod";
import { ServiceConfig } from "./external-service.ts";
import { ThingName } from "./names.ts";

const SOURCE_LENGTH_MAX = 2_000;
const OPERATIONS_MAX = 200;
const VERSION_LENGTH_MAX = 100;

/** Where an extension comes from; src/sources says what of it can be used. */
const SourceText = z.string().max(SOURCE_LENGTH_MAX);
/** The commit or the digest that a preview showed: a run that finds another one refuses it. */
const Resolved = z.string().max(VERSION_LENGTH_MAX).optional();
const Values = z.record(z.string(), z.unknown());

/** A misspelled key is refused: what it was to say would not be done. */
export const QueueOperation = z.discriminatedUnion("type", [
  z.strictObject({
    type: z.literal("install"),
    target: ThingName,
    source: SourceText,
    resolved: Resolved,
    /** Whether its packages' own scripts may run when they are installed. */
    trust_scripts: z.boolean().optional(),
    enabled: z.boolean().optional(),
  }),
  z.strictObject({
    type: z.literal("update"),
    target: ThingName,
    /** Absent: from where it came. */
    source: SourceText.optional(),
    resolved: Resolved,
    trust_scripts: z.boolean().optional(),
  }),
  z.strictObject({
    type: z.literal("delete"),
    target: ThingName,
    /** Otherwise its data folder is kept for its next installation. */
    remove_data: z.boolean().optional(),
  }),
  z.strictObject({ type: z.literal("enable"), target: ThingName }),
  z.strictObject({ type: z.literal("disable"), target: ThingName }),
  /** `config` is a merge patch (RFC 7396) of the entry's config in master_config.json. */
  z.strictObject({ type: z.literal("settings"), target: ThingName, config: Values }),
  z.strictObject({
    type: z.literal("install_external_service"),
    name: ThingName,
    config: ServiceConfig.default({}),
    definition: Values.optional(),
  }),
  z.strictObject({
    type: z.literal("update_core"),
    target_version: z.string().min(1).max(VERSION_LENGTH_MAX).default("latest"),
  }),
]);
export type QueueOperation = z.infer<typeof QueueOperation>;
export type OperationType = QueueOperation["type"];

/** One value of master_config.json that the queue changes; absent means that the key is not there. */
export const ConfigChange = z.object({
  path: z.array(z.string()).min(1),
  before: z.unknown().optional(),
  after: z.unknown().optional(),
});
export type ConfigChange = z.infer<typeof ConfigChange>;

export const QueueFile = z.looseObject({
  created_at: z.string().optional(),
  operations: z.array(QueueOperation).max(OPERATIONS_MAX).default([]),
  /** The whole configuration as its author wants it. */
  master_config: Values.optional(),
  /** What that differed in from the configuration when it was saved: only this is ever applied. */
  config_changes: z.array(ConfigChange).optional(),
  /** The run that could not do this, when one tried. */
  from_run: z.uuid().optional(),
  /** Why, one sentence for each operation, when Luna does not try any more. */
  reasons: z.array(z.string()).optional(),
});
export type QueueFile = z.infer<typeof QueueFile>;

/** `update_retry_count.json`. */
export const RetryCount = z.looseObject({
  count: z.int().nonnegative(),
  last_attempt: z.iso.datetime(),
});
export type RetryCount = z.infer<typeof RetryCount>;

/** `POST /queue/apply` and `/queue/preview`; without operations, it is about the saved queue. */
export const QueueRequest = z.strictObject({
  operations: z.array(QueueOperation).min(1).max(OPERATIONS_MAX).optional(),
});

/** `GET /queue/status`; what may be a secret is left out of it. */
export const QueueStatus = z.object({
  exists: z.boolean(),
  operation_count: z.int(),
  operations: z.array(z.looseObject({ type: z.string() })),
  /** Runs of this queue that could not do all of it. */
  attempts: z.int(),
  /** What Luna does not try any more, until somebody decides. */
  failed: z.looseObject({}).nullable(),
  /** The run that is under way. */
  run_id: z.string().nullable(),
});
export type QueueStatus = z.infer<typeof QueueStatus>;

/** An operation as people may see it: its settings by name alone. */
export const OperationView = z.object({
  type: z.string(),
  target: z.string(),
  source: z.string().optional(),
  /** Names of the settings that it changes. */
  settings: z.array(z.string()).optional(),
});
export type OperationView = z.infer<typeof OperationView>;

const PreviewUnit = z.object({
  operation: OperationView,
  /** Its place in the order in which a run goes. */
  phase: z.string(),
  effect: z.enum(["applies now", "restarts", "needs restart"]),
  /** What starts again, by its name in state.json. */
  restarts: z.array(z.string()),
  /** What would be installed now: a commit, or a digest. */
  resolved: z.string().optional(),
  version: z.string().optional(),
  secrets: z.array(z.object({ name: z.string(), label: z.string().optional(), set: z.boolean() })),
  /** What it may do once it is there. */
  permissions: z.array(z.string()),
  /** What runs on this machine, as it would be run. */
  commands: z.array(z.object({ name: z.string(), text: z.string() })),
  /** Why it cannot be done, one sentence each. */
  problems: z.array(z.string()),
  /** What one should know of it, which keeps nothing from being done. */
  warnings: z.array(z.string()),
});
export type PreviewUnit = z.infer<typeof PreviewUnit>;

export const Preview = z.object({
  units: z.array(PreviewUnit),
  /** Dotted names of what changes in master_config.json, and of what somebody else changed meanwhile. */
  config: z.object({ changes: z.array(z.string()), conflicts: z.array(z.string()) }),
  checks: z.array(z.object({ name: z.string(), ok: z.boolean(), text: z.string() })),
});
export type Preview = z.infer<typeof Preview>;
