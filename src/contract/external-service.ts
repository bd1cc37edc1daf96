/** External services (specification 8): what a definition may say, and the files and answers about installed ones. */
import { z } from "zod";
import { nameRefusal } from "./key-rules.ts";
import { KeyName, ThingName } from "./names.ts";

const TEXT_LENGTH_MAX = 4_000;
const COMMAND_LENGTH_MAX = 16_384;
const FIELDS_MAX = 64;
const OPTIONS_MAX = 200;
const VARIABLES_MAX = 64;
const INSTALL_SECONDS = 120;
const START_SECONDS = 30;
const SECONDS_MAX = 3_600;

/** Paths of the API that a service's name would hide. */
const RESERVED_NAMES: ReadonlySet<string> = new Set(["available", "installed", "upload"]);

export const ServiceName = ThingName.refine((name) => !RESERVED_NAMES.has(name), {
  error: "must not be available, installed or upload, which the API keeps for itself",
});

const Text = z.string().max(TEXT_LENGTH_MAX);
const Command = z.string().trim().min(1).max(COMMAND_LENGTH_MAX);

/** What a placeholder can name: word characters alone, so that Docker's own `{{.State.Status}}` stays what it is. */
const Word = z.string().regex(/^\w{1,64}$/, "must be 1 to 64 letters, digits and _");

/** A variable that a service may write into `.env`: never one that changes how programs run. */
const Variable = KeyName.superRefine((name, context) => {
  const refusal = nameRefusal(name);
  if (refusal !== undefined) context.addIssue({ code: "custom", message: `"${name}": ${refusal}` });
});

const Scalar = z.union([z.string(), z.number(), z.boolean()]);

export const ConfigField = z.looseObject({
  name: Word,
  label: Text.optional(),
  type: z.enum(["text", "password", "number", "checkbox", "select"]).default("text"),
  default: Scalar.nullish(),
  required: z.boolean().default(true),
  help: Text.optional(),
  /** Of a select. */
  options: z.array(z.coerce.string().max(TEXT_LENGTH_MAX)).max(OPTIONS_MAX).optional(),
});
export type ConfigField = z.infer<typeof ConfigField>;

export const ConfigForm = z.looseObject({ fields: z.array(ConfigField).max(FIELDS_MAX) });
export type ConfigForm = z.infer<typeof ConfigForm>;

const Port = z.int().min(1).max(65_535);

const ServiceUi = z
  .looseObject({
    port: Port.optional(),
    /** The field of the form whose value is the port. */
    port_field: Word.optional(),
    slug: Text.optional(),
    base_path: z
      .string()
      .regex(/^[A-Za-z0-9_\-/]+$/, "must be letters, digits, _, - and /")
      .default("ext_service"),
    scheme: z.enum(["http", "https"]).default("http"),
    strip_prefix: z.boolean().default(true),
    enforce_trailing_slash: z.boolean().default(true),
    open_mode: z.enum(["iframe", "new_tab"]).default("iframe"),
  })
  .refine(({ port, port_field }) => (port === undefined) !== (port_field === undefined), {
    error: "must have either port or port_field",
  });

/** Every command there is, whichever of them a definition has; each is text for `sh`. */
export const Commands = z.looseObject({
  install: Command,
  start: Command.optional(),
  stop: Command.optional(),
  restart: Command.optional(),
  uninstall: Command.optional(),
  health_check: Command.optional(),
  enable_startup: Command.optional(),
  disable_startup: Command.optional(),
});
export type Commands = z.infer<typeof Commands>;
export type CommandName = keyof typeof Commands.shape;

/** In the older form each command stands for itself; `commands` wins. */
const LEGACY = {
  install_cmd: Command.optional(),
  uninstall_cmd: Command.optional(),
  start_cmd: Command.optional(),
  stop_cmd: Command.optional(),
  restart_cmd: Command.optional(),
  health_check_cmd: Command.optional(),
  enable_startup_cmd: Command.optional(),
  disable_startup_cmd: Command.optional(),
};
export const COMMAND_NAMES = Commands.keyof().options;

const Variables = z.array(Variable).max(VARIABLES_MAX);

const COMMON = {
  name: ServiceName,
  display_name: Text.min(1),
  description: Text,
  category: Text,
  version: z.coerce.string().max(TEXT_LENGTH_MAX).optional(),
  author: Text.optional(),
  /** Where commands run; without it in Luna's home. */
  working_dir: Text.optional(),
  requires_sudo: z.boolean().optional(),
  /** Seconds. */
  install_timeout: z.number().positive().max(SECONDS_MAX).default(INSTALL_SECONDS),
  /** Seconds that start, stop and restart may take. */
  start_timeout: z.number().positive().max(SECONDS_MAX).default(START_SECONDS),
  /** Part of what the health check says when the service is well. A number is compared as text. */
  health_check_expected: z.union([z.string(), z.number()]).transform(String),
  /** Whether a service that was started, and does not run, is started again. */
  restart_on_failure: z.boolean().default(true),
  /** Whether ports that Docker publishes may be reached from other machines, past Luna's sign-in. */
  expose_ports: z.boolean().default(false),
  ui: ServiceUi.optional(),
  /** Variable of `.env` to what it is made of. */
  post_install_env: z.record(KeyName, Scalar.transform(String)).default({}),
  required_vars: Variables.default([]),
  provides_vars: Variables.default([]),
};

/** `external_services/<name>/service.json`, as people write it. */
export const WrittenDefinition = z
  .looseObject({
    ...COMMON,
    commands: Commands.required({ start: true, stop: true, health_check: true }).optional(),
    ...LEGACY,
    config_form: z.union([z.array(ConfigField).max(FIELDS_MAX), ConfigForm]).optional(),
  })
  .refine(({ commands, install_cmd }) => commands !== undefined || install_cmd !== undefined, {
    error: "must have commands, or at least install_cmd",
  });
export type WrittenDefinition = z.infer<typeof WrittenDefinition>;

/** A definition with all defaults filled in and its commands in one place. */
export const ServiceDefinition = z.looseObject({
  ...COMMON,
  health_check_expected: z.string(),
  post_install_env: z.record(z.string(), z.string()),
  commands: Commands,
  config_form: ConfigForm,
});
export type ServiceDefinition = z.infer<typeof ServiceDefinition>;

export const ServiceStatus = z.enum(["running", "stopped", "unhealthy", "unknown"]);
export type ServiceStatus = z.infer<typeof ServiceStatus>;

/** Where a service's UI is, in the registry and in answers. */
export const UiRoute = z.looseObject({
  service: ServiceName,
  base_path: z.string(),
  slug: z.string().regex(/^[a-z0-9][a-z0-9-]*$/),
  port: Port,
  scheme: z.enum(["http", "https"]),
  strip_prefix: z.boolean(),
  enforce_trailing_slash: z.boolean(),
  open_mode: z.enum(["iframe", "new_tab"]),
  /** `/ext_service/<slug>` */
  path: z.string(),
  path_with_slash: z.string(),
  last_updated: z.iso.datetime(),
});
export type UiRoute = z.infer<typeof UiRoute>;

/** `.luna/external_service_routes.json`: the supervisor writes it, auth reads it. */
export const ServiceRoutesFile = z.record(ServiceName, UiRoute);
export type ServiceRoutesFile = z.infer<typeof ServiceRoutesFile>;

export const RegistryEntry = z.looseObject({
  /** False when the installation failed or was interrupted; `install_error` says why. */
  installed: z.boolean(),
  installed_at: z.iso.datetime().nullable().default(null),
  install_error: z.string().nullable().default(null),
  /** Boots with the machine, by the service's own command. */
  enabled: z.boolean().default(false),
  /** Other programs write `failed` where Luna writes `unhealthy`. */
  status: z.preprocess((said) => (said === "failed" ? "unhealthy" : said), ServiceStatus),
  /** Somebody started it, and nobody has stopped it since. */
  should_run: z.boolean().default(false),
  config_path: z.string(),
  log_path: z.string(),
  last_health_check: z.iso.datetime().nullable().default(null),
  /** Variables of `.env` that are this service's. */
  provided: z.array(KeyName).default([]),
  ui: UiRoute.optional(),
});
export type RegistryEntry = z.infer<typeof RegistryEntry>;

/** `.luna/external_services.json` */
export const RegistryFile = z.record(ServiceName, RegistryEntry);
export type RegistryFile = z.infer<typeof RegistryFile>;

/** What somebody filled into the form; `installed_at` is Luna's. */
export const ServiceConfig = z.record(z.string().max(TEXT_LENGTH_MAX), Scalar.nullable());
export type ServiceConfig = z.infer<typeof ServiceConfig>;

/** `external_services/<name>/config.json` */
export const ServiceConfigFile = z.looseObject({ installed_at: z.string().optional() });

export const ServiceActivity = z.enum([
  "installing",
  "uninstalling",
  "starting",
  "stopping",
  "restarting",
  "enabling",
  "disabling",
]);
export type ServiceActivity = z.infer<typeof ServiceActivity>;

/** `GET /api/external-services/:name` */
export const ServiceView = z.object({
  definition: ServiceDefinition.nullable(),
  form: ConfigForm,
  installed: z.boolean(),
  /** Dots in place of passwords. */
  config: z.record(z.string(), z.unknown()).nullable(),
  registry_entry: RegistryEntry.nullable(),
  ui_route: UiRoute.nullable(),
  /** What is being done with it now. */
  activity: ServiceActivity.nullable(),
});
export type ServiceView = z.infer<typeof ServiceView>;

export const AvailableServices = z.object({
  services: z.array(
    z.looseObject({ ...ServiceDefinition.shape, installed: z.boolean(), bundled: z.boolean() }),
  ),
  /** Definitions that cannot be used, one sentence each. */
  problems: z.array(z.string()),
});
export type AvailableServices = z.infer<typeof AvailableServices>;

export const InstallService = z.strictObject({ config: ServiceConfig.default({}) });
export const UninstallService = z.strictObject({ remove_data: z.boolean().default(true) });
export const UploadService = z.strictObject({
  service_definition: z.record(z.string(), z.unknown()),
  /** Only shows what it would run. */
  preview: z.boolean().default(false),
});

const Done = { success: z.literal(true), message: z.string() };

export const ServiceInstalled = z.object({
  ...Done,
  config: z.record(z.string(), z.unknown()),
  /** Variables of `.env` with their values masked. */
  env_assignments: z.record(z.string(), z.string()),
  ui_route: UiRoute.nullable(),
  status: ServiceStatus,
});
export type ServiceInstalled = z.infer<typeof ServiceInstalled>;

export const ServiceUninstalled = z.object({ ...Done, notes: z.array(z.string()) });
export type ServiceUninstalled = z.infer<typeof ServiceUninstalled>;

export const ServiceChanged = z.object({ ...Done, status: ServiceStatus });
export type ServiceChanged = z.infer<typeof ServiceChanged>;

export const ServiceEnabled = z.object({ ...Done, enabled: z.boolean() });
export type ServiceEnabled = z.infer<typeof ServiceEnabled>;

export const ServiceUploaded = z.object({
  ...Done,
  name: z.string(),
  /** What would run on this machine, as the user whom Luna runs as. */
  commands: z.record(z.string(), z.string()),
  provides_vars: z.array(z.string()),
  /** What one should know before the installation. */
  notes: z.array(z.string()),
});
export type ServiceUploaded = z.infer<typeof ServiceUploaded>;

export const ServiceStatusView = z.object({
  status: ServiceStatus,
  enabled: z.boolean(),
  last_check: z.iso.datetime().nullable(),
  ui: UiRoute.nullable(),
});

export const ServiceLogsQuery = z.object({
  lines: z.coerce.number().int().min(1).max(5_000).default(100),
});
export const ServiceLogs = z.object({ logs: z.string(), path: z.string() });
