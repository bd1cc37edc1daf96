/** Does something that belongs into the audit log, and records what came of it. */
import type { AuditOutcome, AuditRecord } from "../contract/audit.ts";
import { LunaError, messageOf } from "../lib/errors.ts";
import type { AuditTrail } from "./trail.ts";

/** Who may not, and who does it too often. */
const REFUSALS: ReadonlySet<number> = new Set([401, 403, 429]);

export function outcomeOf(error: unknown): AuditOutcome {
  return error instanceof LunaError && REFUSALS.has(error.status) ? "refused" : "failed";
}

/** The reason of a failure is what the caller is told; an error that nobody foresaw may say anything. */
function reasonOf(error: unknown): string {
  return error instanceof LunaError ? messageOf(error) : "an unexpected error; the log has it";
}

interface What<Done> extends Omit<AuditRecord, "outcome" | "duration_ms"> {
  /** What is known only once it is done. */
  learnt?(done: Done): Partial<Pick<AuditRecord, "target" | "details">>;
}

export async function audited<Done>(
  audit: Pick<AuditTrail, "record">,
  { learnt, ...what }: What<Done>,
  work: () => Done | Promise<Done>,
): Promise<Done> {
  const began = performance.now();
  let done: Done;
  try {
    done = await work();
  } catch (error) {
    audit.record({
      ...{ ...what, outcome: outcomeOf(error), duration_ms: performance.now() - began },
      details: { ...what.details, reason: reasonOf(error) },
    });
    throw error;
  }
  const duration_ms = performance.now() - began;
  audit.record({ ...what, ...learnt?.(done), outcome: "ok", duration_ms });
  return done;
}
