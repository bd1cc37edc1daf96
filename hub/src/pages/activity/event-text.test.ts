/** Tests of what an event of the audit log says in words. */
import { expect, test } from "bun:test";
import type { AuditEvent } from "../../../../src/contract/audit.ts";
import { actorText, detailsText, tookText } from "./event-text.ts";

const EVENT: AuditEvent = {
  id: "01a214af-ff60-778e-b5f5-13c5c40ea54b",
  at: "2030-01-31T12:00:00.000Z",
  actor: { kind: "owner", name: "owner" },
  action: "sign_in",
  target: null,
  outcome: "ok",
  address: null,
  duration_ms: null,
  details: null,
};

test("who it was is named as people would", () => {
  const texts = (
    [
      ["owner", "owner"],
      ["key", "phone"],
      ["local", "luna"],
      ["system", "luna"],
      ["anonymous", ""],
    ] as const
  ).map(([kind, name]) => actorText({ kind, name }));
  expect(texts).toEqual(["owner", "phone (key)", "luna (this machine)", "Luna", "a stranger"]);
});

test("durations and details are short, and nothing is said where there is nothing", () => {
  expect(tookText(EVENT)).toBe("");
  expect(tookText({ ...EVENT, duration_ms: 12.345 })).toBe("12.3 ms");
  expect(tookText({ ...EVENT, duration_ms: 1_250 })).toBe("1.3 s");
  expect(detailsText(EVENT)).toEqual([]);
  const details = { method: "link", count: 3, argument_names: ["a"], expires_at: null };
  expect(detailsText({ ...EVENT, address: "192.0.2.1", details })).toEqual([
    ...["from 192.0.2.1", "method link", "count 3", 'argument names ["a"]'],
  ]);
});
