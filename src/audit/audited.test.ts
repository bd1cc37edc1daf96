/** Tests of what is recorded of something that succeeds, is refused, or fails. */
import { expect, test } from "bun:test";
import { MemoryTrail } from "../../tests/support/memory-trail.ts";
import type { AuditRecord } from "../contract/audit.ts";
import { ConflictError, ForbiddenError } from "../lib/errors.ts";
import { audited } from "./audited.ts";
import { toolCallRecord } from "./tool-call.ts";

const WHAT = {
  actor: { kind: "owner", name: "owner" },
  ...{ action: "key.create", target: "phone", details: { scopes: ["tools"] } },
} as const satisfies Partial<AuditRecord>;

test("what was done is recorded with how it ended, and the caller gets what there was", async () => {
  const audit = new MemoryTrail();
  expect(await audited(audit, WHAT, () => 7)).toBe(7);
  const failures: readonly [Error, string, string][] = [
    [new ForbiddenError("Cannot do this"), "refused", "Cannot do this"],
    [new ConflictError("Cannot do it twice"), "failed", "Cannot do it twice"],
    [new Error("hunter2"), "failed", "an unexpected error; the log has it"],
  ];
  for (const [error] of failures) {
    await expect(audited(audit, WHAT, () => Promise.reject(error))).rejects.toBe(error);
  }
  const duration_ms = expect.any(Number);
  expect(audit.events).toEqual([
    { ...WHAT, outcome: "ok", duration_ms },
    ...failures.map(([, outcome, reason]) => ({
      ...{ ...WHAT, outcome, duration_ms, details: { ...WHAT.details, reason } },
    })),
  ] as AuditRecord[]);
});

test("a tool's arguments are recorded as far as the setting says, and what is secret never", () => {
  const facts = {
    caller: { actor: { kind: "local", name: "luna" } },
    tool: "T",
    outcome: "ok",
    duration_ms: 1,
    reason: undefined,
    arguments: { text: "hello", apiKey: "hunter2", deep: { password: "hunter2", n: 1 } },
  } as const;
  expect(toolCallRecord(facts, "none").details).toBeNull();
  expect(toolCallRecord(facts, "names").details).toEqual({
    argument_names: ["text", "apiKey", "deep"],
  });
  const redacted = "[redacted]";
  expect(toolCallRecord(facts, "full").details).toEqual({
    arguments: { text: "hello", apiKey: redacted, deep: { password: redacted, n: 1 } },
  });
});
