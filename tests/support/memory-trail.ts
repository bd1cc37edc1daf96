/** An audit trail that keeps what it is told, for tests of whoever records. */
import type { AuditTrail } from "../../src/audit/trail.ts";
import type { AuditRecord } from "../../src/contract/audit.ts";

export class MemoryTrail implements Pick<AuditTrail, "record"> {
  readonly events: AuditRecord[] = [];

  record(event: AuditRecord): void {
    this.events.push(event);
  }
}
