/** An extension's manifest, `config.json`, and the `service_config.json` of its services (specification 7.1). */
import { z } from "zod";
import { ToolSettings } from "./config.ts";
import { KeyName, ThingName, ToolName } from "./names.ts";

/** A secret that an extension asks for: its name alone, or with what a person should know to fill it in. */
const RequiredSecret = z.preprocess(
  (entry) => (typeof entry === "string" ? { name: entry } : entry),
  z.looseObject({
    name: KeyName,
    label: z.string().optional(),
    /** Where one gets it, for example. */
    help: z.string().optional(),
    /** What a form begins with. */
    default: z.string().optional(),
  }),
);

export const Manifest = z.looseObject({
  name: ThingName.optional(),
  description: z.string().optional(),
  version: z.string().default(""),
  required_secrets: z.array(RequiredSecret).default([]),
  auto_update: z.boolean().default(false),
  ui: z
    .looseObject({
      /** Absent: taken off unless the UI is built by Vite, which knows its own base path. */
      strip_prefix: z.boolean().optional(),
      /** Absent: true. */
      enforce_trailing_slash: z.boolean().optional(),
    })
    .optional(),
});
export type Manifest = z.infer<typeof Manifest>;

/** `services/<service>/service_config.json`; a service without the file has these defaults. */
export const ServiceConfig = z.looseObject({
  name: z.string().optional(),
  requires_port: z.boolean().default(false),
  /** A path that answers 2xx when the service is well; without it, an open port or its life is enough. */
  health_check: z.string().startsWith("/").optional(),
  restart_on_failure: z.boolean().default(true),
  /** These four stand for the same ones of master_config's `supervision`. */
  start_timeout_ms: z.int().positive().optional(),
  probe_period_ms: z.int().min(100).optional(),
  probe_timeout_ms: z.int().positive().optional(),
  probe_failures_max: z.int().positive().optional(),
});
export type ServiceConfig = z.infer<typeof ServiceConfig>;

/** `tools/tool_config.json`: how each tool may be used, by its name. */
export const ToolConfigFile = z.record(ToolName, ToolSettings);
export type ToolConfigFile = z.infer<typeof ToolConfigFile>;

/** What is wrong with an extension's file, as data. */
export const ExtensionProblem = z.object({
  /** The folder's name. */
  extension: z.string(),
  /** The file's path within the extension; "" when it is the folder itself. */
  file: z.string(),
  /** Which field of it, such as `required_secrets[0].name`; absent when the file does not parse at all. */
  field: z.string().optional(),
  /** A whole sentence. */
  message: z.string(),
  /** What to do about it. */
  fix: z.string(),
});
export type ExtensionProblem = z.infer<typeof ExtensionProblem>;
