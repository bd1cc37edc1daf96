/** Does something that belongs into the audit log, and records what came of it. */
import type { AuditOutcome, AuditRecord } from "../contract/audit.ts";
import { LunaError, messageOf } from "../lib/errors.ts";
import type { AuditTrail } from "./trail.ts";

/** Who may not, and who does it too often. */
const REFUSALS: ReadonlySet<number> = new Set([401, 403, 429]);

function outcomeOf(error: unknown): AuditOutcome {
  return error instanceof LunaError && REFUSALS.has(error.status) ? "refused" : "failed";
}

/** The reason of a failure is what the caller is told; an error that nobody foresaw may say anything. */
function reasonOf(error: unknown): string {
  return error instanceof LunaError ? messageOf(error) : "an unexpected error; the log has it";
}

export async function audited<Done>(
  audit: Pick<AuditTrail, "record">,
  what: Omit<AuditRecord, "outcome" | "duration_ms">,
  work: () => Done | Promise<Done>,
): Promise<Done> {
  const began = performance.now();
  try {
    const done = await work();
    audit.record({ ...what, outcome: "ok", duration_ms: performance.now() - began });
    return done;
  } catch (error) {
    audit.record({
      ...{ ...what, outcome: outcomeOf(error), duration_ms: performance.now() - began },
      details: { ...what.details, reason: reasonOf(error) },
    });
    throw error;
  }
}
