/** `.luna/master_config.json` (specification 6.1). Unknown keys survive a rewrite. */
import { z } from "zod";
import { ThingName } from "./names.ts";

export const DeploymentMode = z.enum(["local", "ngrok", "nip_io", "custom_domain"]);
export type DeploymentMode = z.infer<typeof DeploymentMode>;

/** A named MCP server: the tools that one key opens. */
export const McpServer = z.looseObject({
  /** Stays when the name changes; servers of earlier versions have none, and are known by their name. */
  id: z.string().optional(),
  name: ThingName,
  enabled: z.boolean().default(true),
  /** SHA-256 (hex) of the key; the key itself is shown once and kept nowhere. */
  key_hash: z.string().regex(/^[0-9a-f]{64}$/),
  /** The key's last four characters, to tell keys apart. */
  key_hint: z.string(),
  /** The key before, and until when it goes on. */
  previous_hash: z.string().nullable().optional(),
  previous_expires_at: z.iso.datetime().nullable().optional(),
  created_at: z.iso.datetime(),
  /** Of absent tools the settings for everywhere count. */
  tool_config: z.record(z.string(), z.looseObject({ enabled_in_mcp: z.boolean() })).default({}),
});
export type McpServer = z.infer<typeof McpServer>;

export const ExtensionEntry = z.looseObject({
  enabled: z.boolean().default(true),
  source: z.string().default("local"),
  /** Settings; those that the extension's `config.json` has too are written there. */
  config: z.record(z.string(), z.unknown()).default({}),
});
export type ExtensionEntry = z.infer<typeof ExtensionEntry>;

/** How a tool may be used; what is absent is on for MCP, and no passthrough. */
export const ToolSettings = z.looseObject({
  enabled_in_mcp: z.boolean().optional(),
  passthrough: z.boolean().optional(),
});
export type ToolSettings = z.infer<typeof ToolSettings>;

/** Limits of tool hosts. */
export const ToolHostSettings = z.looseObject({
  /** A host without calls for this long ends; shorter, and it could end before its first call arrives. */
  idle_ms: z.int().min(1_000).default(300_000),
  /** A call without a limit of its own may take this long. */
  call_timeout_ms: z.int().positive().default(30_000),
  /** The largest answer of one call, as JSON. */
  result_bytes_max: z.int().positive().default(1_048_576),
  /** Calls of one extension under way at once; further ones wait. */
  concurrency: z.int().positive().default(16),
});
export type ToolHostSettings = z.infer<typeof ToolHostSettings>;

/** How processes are watched; each extension service may say otherwise in its service_config.json. */
export const SupervisionSettings = z.looseObject({
  /** A process that did not answer by then is ended and started again. */
  start_timeout_ms: z.int().positive().default(20_000),
  probe_period_ms: z.int().min(100).default(5_000),
  probe_timeout_ms: z.int().positive().default(2_000),
  /** Probes in a row that fail before a process is ended and started again. */
  probe_failures_max: z.int().positive().default(3),
  /** Between two looks at an external service that is well. */
  external_health_period_ms: z.int().min(100).default(30_000),
});
export type SupervisionSettings = z.infer<typeof SupervisionSettings>;

const LOG_FILE_BYTES_MIN = 65_536;

/** How much of each log is kept: `file_bytes_max` × (`files_kept` + 1), and what comes between two looks. */
export const LogSettings = z.looseObject({
  /** A log that has grown to this is rotated. */
  file_bytes_max: z.int().min(LOG_FILE_BYTES_MIN).default(8_388_608),
  /** Rotated files of each log, besides the one that is written to. */
  files_kept: z.int().min(1).max(1_000).default(5),
});
export type LogSettings = z.infer<typeof LogSettings>;

const MEBIBYTE = 1024 ** 2;

/** What a process and all that it starts may take; null takes the limit away. */
function limitsWith(memory_bytes: number | null, pids: number | null) {
  return z
    .looseObject({
      memory_bytes: z
        .int()
        .min(16 * MEBIBYTE)
        .nullable()
        .default(memory_bytes),
      /** Threads count. */
      pids: z.int().min(16).nullable().default(pids),
    })
    .prefault({});
}

/** Kept by the kernel's control groups, where Luna may make some. */
export const LimitSettings = z.looseObject({
  core: limitsWith(null, null),
  tool_hosts: limitsWith(1024 * MEBIBYTE, 512),
  extensions: limitsWith(2048 * MEBIBYTE, 1024),
});
export type LimitSettings = z.infer<typeof LimitSettings>;

/** What the audit log says, and how long it is kept. */
export const AuditSettings = z.looseObject({
  /** Events older than this are removed. */
  retention_days: z.int().min(1).max(36_500).default(180),
  /** With more events than this the oldest are removed, however young. */
  events_max: z.int().min(1_000).max(10_000_000).default(500_000),
  /** What is recorded of a tool call's arguments: nothing, their names, or their values too. */
  tool_arguments: z.enum(["none", "names", "full"]).default("none"),
});
export type AuditSettings = z.infer<typeof AuditSettings>;

/** So many requests at once, which come back evenly over the window. */
export const RateLimit = z.looseObject({
  requests: z.int().min(1).max(1_000_000),
  window_s: z.int().min(1).max(86_400),
});
export type RateLimit = z.infer<typeof RateLimit>;

/** What each key may do in the agent API and in MCP, each of which counts for itself; null takes the limit away. */
export const RateLimitSettings = z.looseObject({
  /** Each named API key that has no limit of its own. */
  api_key: RateLimit.nullable().default({ requests: 6_000, window_s: 60 }),
  /** `AGENT_API_KEY`. */
  agent_api_key: RateLimit.nullable().default({ requests: 60_000, window_s: 60 }),
  /** The own key of each named MCP server. */
  mcp_server_key: RateLimit.nullable().default({ requests: 60_000, window_s: 60 }),
});
export type RateLimitSettings = z.infer<typeof RateLimitSettings>;

/** Where newer versions come from, and how changes to what is installed are made. */
export const UpdateSettings = z.looseObject({
  /** The GitHub repository with Luna's own releases, as `owner/name`. */
  core_repository: z
    .string()
    .regex(/^[A-Za-z0-9-]{1,39}\/[A-Za-z0-9._-]{1,100}$/, 'must be "owner/name"')
    .nullable()
    .default(null),
  /** A new version of Luna that does not run well by then is taken back. */
  core_grace_ms: z.int().min(5_000).max(3_600_000).default(60_000),
  /** A new version of an extension that is not well by then is taken back. */
  health_grace_ms: z.int().min(1_000).max(600_000).default(20_000),
});
export type UpdateSettings = z.infer<typeof UpdateSettings>;

/** Where the list of what can be installed comes from. */
const StoreSettings = z.looseObject({
  /** Of a registry.json; `off` asks nobody, and leaves what is in Luna's program. */
  url: z
    .string()
    .regex(
      /^(?:off|https:\/\/\S+|http:\/\/(?:127\.0\.0\.1|localhost)[:/]\S*)$/,
      "must be an https:// address, or off",
    )
    .default("https://raw.githubusercontent.com/jbrinkw/luna-ext-store/main/registry.json"),
  /** An index older than this is asked for again. */
  refresh_hours: z.number().min(1).max(8_760).default(24),
});

/** The key of one service of an extension; the key itself is shown once and kept nowhere. */
export const ServiceKey = z.looseObject({
  /** SHA-256, hex. */
  key_hash: z.string().regex(/^[0-9a-f]{64}$/),
  /** The key's last four characters. */
  key_hint: z.string(),
  created_at: z.iso.datetime(),
  /** The key before, and until when it goes on. */
  previous_hash: z.string().nullable().default(null),
  previous_expires_at: z.iso.datetime().nullable().default(null),
});
export type ServiceKey = z.infer<typeof ServiceKey>;

/** What holds for every MCP server. */
const McpSettings = z.looseObject({
  /** Whether tools are offered that nobody has decided on, such as those of a new extension. */
  new_tools: z.enum(["on", "off"]).default("on"),
  /** Whether programs may say who they are by an https address that Luna fetches. Off, they register instead. */
  client_documents: z.boolean().default(true),
});

export const MasterConfig = z.looseObject({
  luna: z
    .looseObject({
      version: z.string().default(""),
      timezone: z.string().default("UTC"),
      default_llm: z.string().default("gpt-4.1"),
    })
    .prefault({}),
  deployment_mode: DeploymentMode.default("local"),
  public_domain: z.string().default(""),
  extensions: z.record(z.string(), ExtensionEntry).default({}),
  tool_configs: z.record(z.string(), ToolSettings).default({}),
  port_assignments: z
    .looseObject({
      extensions: z.record(z.string(), z.int().nullable()).default({}),
      services: z.record(z.string(), z.int().nullable()).default({}),
    })
    .prefault({}),
  external_services: z.record(z.string(), z.unknown()).default({}),
  mcp_servers: z.record(z.string(), McpServer).default({}),
  mcp: McpSettings.prefault({}),
  /** By `<extension>.<service>`. A text is a key that somebody wrote there: it works, and is replaced by its hash. */
  service_api_keys: z.record(z.string(), z.union([ServiceKey, z.string().min(1)])).default({}),
  tool_host: ToolHostSettings.prefault({}),
  supervision: SupervisionSettings.prefault({}),
  limits: LimitSettings.prefault({}),
  logs: LogSettings.prefault({}),
  audit: AuditSettings.prefault({}),
  rate_limits: RateLimitSettings.prefault({}),
  updates: UpdateSettings.prefault({}),
  store: StoreSettings.prefault({}),
});
export type MasterConfig = z.infer<typeof MasterConfig>;
