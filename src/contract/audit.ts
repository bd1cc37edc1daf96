/** The audit log: who did what, when, from where, and what came of it. */
import { z } from "zod";

/**
 * - `owner`: a session of this Luna's owner, `name` is the user's.
 * - `key`: an API key, by its name; `AGENT_API_KEY` is Luna's own.
 * - `client`: an MCP client, by the server or grant that let it in.
 * - `local`: the command line, or a program of this machine that has Luna's own tokens.
 * - `system`: Luna itself. · `anonymous`: whoever could not say.
 */
export const AuditActor = z.object({
  kind: z.enum(["owner", "key", "client", "local", "system", "anonymous"]),
  name: z.string(),
});
export type AuditActor = z.infer<typeof AuditActor>;

/** Nobody that Luna knows. */
export const STRANGER: AuditActor = { kind: "anonymous", name: "" };

export const AuditOutcome = z.enum(["ok", "refused", "failed"]);
export type AuditOutcome = z.infer<typeof AuditOutcome>;

const ACTION_LENGTH_MAX = 64;

export const AuditEvent = z.object({
  /** UUID version 7: unique for ever, and in the order of time. */
  id: z.uuid(),
  at: z.iso.datetime(),
  actor: AuditActor,
  /** `<noun>.<verb>`, such as `key.create`, `tool.call`, `process.restart`; also `sign_in` and `sign_out`. */
  action: z.string(),
  /** What it was done to, by name. */
  target: z.string().nullable(),
  outcome: AuditOutcome,
  /** Where the request came from. */
  address: z.string().nullable(),
  duration_ms: z.number().nullable(),
  /** Never a secret. What is too long is cut, and says so. */
  details: z.record(z.string(), z.unknown()).nullable(),
});
export type AuditEvent = z.infer<typeof AuditEvent>;

/** What whoever did it tells; the rest is known where it is written down. */
export type AuditRecord = Pick<AuditEvent, "actor" | "action" | "outcome"> &
  Partial<Pick<AuditEvent, "target" | "address" | "duration_ms" | "details">>;

/** Who asks for something, and from where. */
export interface Caller extends Pick<AuditRecord, "actor" | "address"> {
  /** The id of the session by which an owner came. */
  session?: string;
}

const TEXT_LENGTH_MAX = 200;
const TIME_LENGTH_MAX = 40;
const AUDIT_PAGE_EVENTS = 100;
export const AUDIT_PAGE_EVENTS_MAX = 500;

/** `GET /auth/audit`: which events, the newest first. */
export const AuditQuery = z.strictObject({
  /** The beginning of the action's name. */
  action: z
    .string()
    .max(ACTION_LENGTH_MAX)
    .regex(/^[a-z0-9_.]+$/, "must be the beginning of an action's name, such as key or key.create")
    .optional(),
  /** The actor's name, or its kind. */
  actor: z.string().min(1).max(TEXT_LENGTH_MAX).optional(),
  outcome: AuditOutcome.optional(),
  /** ISO 8601, or how long ago: `30s`, `15m`, `1h`, `2d`. */
  since: z.string().max(TIME_LENGTH_MAX).optional(),
  /** The same; events from then on are left out. */
  until: z.string().max(TIME_LENGTH_MAX).optional(),
  /** What the actor's name, the action, the target, the address or the details contain, in whatever case. */
  text: z.string().min(1).max(TEXT_LENGTH_MAX).optional(),
  /** The cursor of the page before. */
  cursor: z.string().max(TEXT_LENGTH_MAX).optional(),
  limit: z.coerce.number().int().min(1).max(AUDIT_PAGE_EVENTS_MAX).default(AUDIT_PAGE_EVENTS),
});
export type AuditQuery = z.infer<typeof AuditQuery>;

export const AuditPage = z.object({
  events: z.array(AuditEvent),
  /** Opaque: leads to older events; null when there are none. A page may be short of events and still lead on. */
  cursor: z.string().nullable(),
});
export type AuditPage = z.infer<typeof AuditPage>;
