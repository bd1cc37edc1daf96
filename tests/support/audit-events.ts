/** Events for tests of the audit log: any number of them, different in every field that can be asked for. */
import type { AuditEvent } from "../../src/contract/audit.ts";
import type { Chance } from "./random.ts";

const ACTORS: readonly AuditEvent["actor"][] = [
  { kind: "owner", name: "owner" },
  { kind: "key", name: "phone" },
  { kind: "key", name: "owner" },
  { kind: "client", name: "mcp-notes" },
  { kind: "anonymous", name: "" },
];
const ACTIONS = ["sign_in", "sign_out", "tool.call", "key.create", "key.revoke", "keys_of_others"];
const TARGETS = [null, "NOTES_GET_all", "100%", "a_b", "a!b", "it's", "ÄÖ", "\\"];
const OUTCOMES: readonly AuditEvent["outcome"][] = ["ok", "refused", "failed"];
const DETAILS = [null, { reason: "too_many_attempts" }, { nested: { list: [1, null, "x"] } }];

/** An event of the moment `at` (milliseconds since 1970). */
export function someEvent(at: number, { pick, next }: Chance): AuditEvent {
  return {
    id: Bun.randomUUIDv7("hex", at),
    at: new Date(at).toISOString(),
    actor: pick(ACTORS),
    action: pick(ACTIONS),
    target: pick(TARGETS),
    outcome: pick(OUTCOMES),
    address: pick([null, "203.0.113.1", "2001:db8::1"]),
    duration_ms: pick([null, 0, Math.round(next() * 1e6) / 1000]),
    details: pick(DETAILS),
  };
}
