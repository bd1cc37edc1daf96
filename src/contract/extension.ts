/** An extension's manifest, `config.json`, and the `service_config.json` of its services (specification 7.1). */
import { z } from "zod";
import { ToolSettings } from "./config.ts";
import { KeyName, ThingName, ToolName } from "./names.ts";
import { ProcessState } from "./process.ts";
import { Upstreams } from "./upstream.ts";

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
  /** Other MCP servers, whose tools it offers as its own. */
  mcp_servers: Upstreams.default({}),
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

/** What a request from outside needs to reach a service. */
export const ServiceAccess = z.enum(["session", "key", "open", "none"]);
export type ServiceAccess = z.infer<typeof ServiceAccess>;

/** One path below the extension's own, of plain segments, such as `/api/notes/v1`. */
const ROUTE_PREFIX = /^\/api(?:\/[A-Za-z0-9_-]{1,64}){1,6}$/;

/** Who reaches the service from outside, and under which path. */
export const PublicExposure = z.looseObject({
  /**
   * True: anyone, without a session, or with a key where one is required. False: nobody. Absent: as if there were
   * nothing said, so a session is needed.
   */
  enabled: z.boolean().optional(),
  /** Whoever has no session needs the service's own key (`/service-keys`). */
  require_api_key: z.boolean().default(false),
  /** Another path, besides `/api/<extension>/<service>`. */
  route_prefix: z
    .string()
    .regex(ROUTE_PREFIX, "must be a path such as /api/<extension>/v1, without a final slash")
    .optional(),
  /** Whether the service sees its paths without that prefix. */
  strip_prefix: z.boolean().default(true),
  /** Whether pages of other sites may use it, without cookies. */
  cors_enabled: z.boolean().default(false),
});
export type PublicExposure = z.infer<typeof PublicExposure>;

/** `services/<service>/service_config.json`; a service without the file has these defaults. */
export const ServiceConfig = z.looseObject({
  name: z.string().optional(),
  requires_port: z.boolean().default(false),
  /** A path that answers 2xx when the service is well; without it, an open port or its life is enough. */
  health_check: z.string().startsWith("/").optional(),
  restart_on_failure: z.boolean().default(true),
  public_exposure: PublicExposure.optional(),
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

/** A process of an extension as the list shows it; null is what it does not have at the moment. */
const PartView = z.object({
  status: ProcessState,
  port: z.int().nullable(),
  pid: z.int().nullable(),
});

/** One of `GET /extensions` (contract 4.10). */
export const ExtensionView = z.object({
  /** The folder's name. */
  name: z.string(),
  description: z.string(),
  /** "unknown" when the manifest has none. */
  version: z.string(),
  enabled: z.boolean(),
  /** Where it came from: "local", "github:…" or "upload:…". */
  source: z.string(),
  ui: PartView.extend({ url: z.string() }).nullable(),
  services: z.array(
    PartView.extend({
      name: z.string(),
      requires_port: z.boolean(),
      /** Its public path, when it has one. */
      url: z.string().nullable(),
      /** Who reaches it from outside. */
      access: ServiceAccess,
    }),
  ),
  tool_count: z.int(),
  /** Names of `.env` that it asks for in vain. */
  missing_secrets: z.array(z.string()),
  /** What keeps it, or a part of it, from being used. */
  problems: z.array(ExtensionProblem),
});
export type ExtensionView = z.infer<typeof ExtensionView>;

export const ExtensionList = z.object({ extensions: z.array(ExtensionView) });
export type ExtensionList = z.infer<typeof ExtensionList>;
