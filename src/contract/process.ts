/** What is known of a supervised process: in `.luna/state.json`, on the control API and on the Hub. */
import { z } from "zod";
import { LogBatch } from "./logs.ts";
import { RunView } from "./run.ts";

/** The states of supervisord (http://supervisord.org/subprocess.html#process-states). */
export const ProcessState = z.enum([
  "stopped",
  "starting",
  "running",
  "backoff",
  "stopping",
  "exited",
  "fatal",
]);
export type ProcessState = z.infer<typeof ProcessState>;

export const ProcessHealth = z.enum(["unknown", "healthy", "unhealthy"]);
export type ProcessHealth = z.infer<typeof ProcessHealth>;

export const ProcessKind = z.enum(["supervisor", "core", "caddy", "tool-host", "ui", "service"]);
export type ProcessKind = z.infer<typeof ProcessKind>;

export const CoreServiceName = z.enum(["auth", "agent", "mcp", "hub"]);
export type CoreServiceName = z.infer<typeof CoreServiceName>;

/** One entry of `.luna/state.json`. */
export const ProcessRecord = z.looseObject({
  pid: z.int().positive().nullable(),
  /** Field 22 of /proc/<pid>/stat, in clock ticks since boot: a pid alone may have a new owner. */
  start_ticks: z.int().nonnegative().nullable(),
  port: z.int().nullable(),
  status: ProcessState,
  health: ProcessHealth,
  kind: ProcessKind,
  started_at: z.iso.datetime().nullable(),
  last_check: z.iso.datetime().nullable(),
  restarts: z.int().nonnegative(),
  /** A person stopped it: a further supervisor leaves it so, the next `luna up` does not. */
  stopped_by_hand: z.boolean().optional(),
});
export type ProcessRecord = z.infer<typeof ProcessRecord>;

/** `.luna/state.json` (specification 12). */
export const StateFile = z.looseObject({
  /** The home that these processes belong to. */
  supervisor: z.looseObject({
    pid: z.int(),
    start_ticks: z.int(),
    started_at: z.iso.datetime(),
    port: z.int().optional(),
    /** What runs of another version is started anew rather than taken over. */
    version: z.string(),
    /** Whose child it was when it started. */
    bootstrap: z.object({ pid: z.int(), start_ticks: z.int() }).optional(),
  }),
  services: z.record(z.string(), ProcessRecord),
  /** Installed external services, which are no processes of Luna's. */
  external_services: z
    .record(z.string(), z.looseObject({ status: z.string(), last_check: z.string().nullable() }))
    .optional(),
});
export type StateFile = z.infer<typeof StateFile>;

/** A process as the control API and the Hub show it. */
export const ProcessView = z.object({
  ...ProcessRecord.shape,
  name: z.string(),
  /** For people: "Agent API". */
  label: z.string(),
  /** The public path, when it has one. */
  path: z.string().nullable(),
  /** Milliseconds from spawn to the first good answer of the current run. */
  ready_ms: z.number().nullable(),
  /** The last exit in words ("exit code 1", "signal SIGKILL"), when there was one. */
  last_exit: z.string().nullable(),
  /** When a process in back-off is started again. */
  next_start_at: z.iso.datetime().nullable(),
  /** Unexpected ends that still count towards giving up. */
  failures: z.int().nonnegative().optional(),
  /** Of one core, with all that it started; absent where the machine does not tell. */
  cpu_percent: z.number().nonnegative().optional(),
  memory_bytes: z.number().nonnegative().optional(),
});
export type ProcessView = z.infer<typeof ProcessView>;

/** Something that a person can act on; Home shows these first. */
export const Problem = z.object({
  id: z.string(),
  severity: z.enum(["warning", "error"]),
  title: z.string(),
  detail: z.string(),
  /** What to do about it, as a sentence. */
  fix: z.string(),
  since: z.iso.datetime(),
});
export type Problem = z.infer<typeof Problem>;

/** `GET /overview`, and the topic `status` of the live socket. */
export const Overview = z.object({
  version: z.string(),
  /** Random per supervisor process: a client that sees another one fetches everything again. */
  boot_id: z.string(),
  started_at: z.iso.datetime(),
  /** `starting` until every core process answered once. */
  phase: z.enum(["starting", "running", "stopping"]),
  public_url: z.string(),
  home: z.string(),
  processes: z.array(ProcessView),
  problems: z.array(Problem),
  tool_count: z.int(),
  model: z.object({ configured: z.boolean(), name: z.string().nullable() }),
});
export type Overview = z.infer<typeof Overview>;

/** What the live socket sends. */
export const LiveMessage = z.discriminatedUnion("topic", [
  z.object({ topic: z.literal("boot"), boot_id: z.string() }),
  z.object({ topic: z.literal("status"), overview: Overview }),
  LogBatch,
  /** A run, after each thing that happens in it. */
  z.object({ topic: z.literal("run"), run: RunView }),
  /** What the client sent could not be followed. */
  z.object({ topic: z.literal("refused"), message: z.string() }),
]);
export type LiveMessage = z.infer<typeof LiveMessage>;
