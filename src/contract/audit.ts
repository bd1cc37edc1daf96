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

export const AuditOutcome = z.enum(["ok", "refused", "failed"]);
export type AuditOutcome = z.infer<typeof AuditOutcome>;

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
export type Caller = Pick<AuditRecord, "actor" | "address">;
