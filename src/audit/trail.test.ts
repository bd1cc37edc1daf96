/** Tests of recording: nothing is lost to the end of a process, nothing secret is kept, and nothing grows without bound. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, statSync, truncateSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { until } from "../../tests/support/until.ts";
import { AuditEvent, type AuditRecord } from "../contract/audit.ts";
import type { Logger } from "../lib/log.ts";
import { COUNTS_MAX, SINGLE_MAX, SINGLE_PER_ADDRESS_MAX } from "./refusals.ts";
import { segmentsIn } from "./spool.ts";
import { AuditTrail, type AuditTrailOptions } from "./trail.ts";

const SECRET = "correct-horse-battery";
const CALL: AuditRecord = {
  actor: { kind: "key", name: "phone" },
  ...{ action: "tool.call", target: "NOTES_GET_all", outcome: "ok", duration_ms: 1.23456 },
};
const REFUSED: AuditRecord = {
  actor: { kind: "anonymous", name: "" },
  ...{ action: "sign_in", outcome: "refused", address: "203.0.113.1" },
};

let folder: string;
const logged: string[] = [];
const note = (message: string): void => void logged.push(message);
const log: Logger = { debug: note, info: note, warn: note, error: note };

beforeEach(() => {
  folder = join(mkdtempSync(join(tmpdir(), "luna-audit-")), "audit");
  logged.length = 0;
});
afterEach(() => rmSync(join(folder, ".."), { recursive: true, force: true }));

function trail(options: Partial<AuditTrailOptions> = {}): AuditTrail {
  return new AuditTrail({ folder, process: "test", secrets: [SECRET], log, ...options });
}

const text = (): string =>
  segmentsIn(folder)
    .map((path) => readFileSync(path, "utf8"))
    .join("");
const events = (): AuditEvent[] =>
  text()
    .split("\n")
    .slice(0, -1)
    .map((line) => AuditEvent.parse(JSON.parse(line)))
    .sort((one, other) => one.id.localeCompare(other.id));

test("an event is one private line, with an id, a time and nothing left out", () => {
  const before = Date.now();
  trail().record(CALL);
  const [event, ...none] = events();
  expect(none).toEqual([]);
  expect(event).toMatchObject({ ...CALL, duration_ms: 1.235, address: null, details: null });
  expect(Date.parse(event?.at ?? "")).toBeWithin(before, Date.now() + 1);
  expect(statSync(folder).mode & 0o777).toBe(0o700);
  expect(segmentsIn(folder).map((path) => statSync(path).mode & 0o777)).toEqual([0o600]);
});

test("secrets, keys and what would break a database do not get in, wherever they stand", () => {
  const long = `${"x".repeat(495)}${SECRET}${"y".repeat(100)}`;
  trail().record({
    ...CALL,
    ...{ actor: { kind: "key", name: `n\0${SECRET}` }, target: `t${SECRET}`, address: SECRET },
    details: { [SECRET]: SECRET, long, key: "sk-luna-abcdefghijklmnop", half: "\ud800" },
  });
  expect(text()).not.toContain(SECRET);
  expect(text()).not.toContain(SECRET.slice(0, 5));
  expect(text()).not.toContain("abcdefghijklmnop");
  expect(events()[0]?.actor.name).toBe("n\uFFFD[redacted]");
});

test("what is too long is cut and says so; what is no JSON loses its details only", () => {
  const circle: Record<string, unknown> = {};
  circle["circle"] = circle;
  const one = trail();
  one.record({ ...CALL, details: { text: "a".repeat(10_000), big: 5n } });
  one.record({
    ...CALL,
    details: Object.fromEntries(Array.from({ length: 3_000 }, (_, i) => [i, i])),
  });
  one.record({ ...CALL, details: circle, target: "t".repeat(10_000), action: "a".repeat(10_000) });
  const [long, many, broken] = events();
  expect(long?.details).toEqual({
    ...{ text: `${"a".repeat(500)}… [cut: 10000 characters]`, big: "5" },
  });
  expect(many?.details).toMatchObject({
    truncated: true,
    beginning: expect.stringMatching(/^{"0":0,/),
  });
  expect(JSON.stringify(many).length).toBeLessThan(8_000);
  expect(broken?.details).toEqual({ unreadable: true });
  expect(broken?.target?.length).toBe(300);
});

test("a writer goes on in another file when one is large enough, and when it was removed", () => {
  const one = trail({ segmentBytes: 1_000 });
  for (let i = 0; i < 20; i += 1) one.record(CALL);
  expect(segmentsIn(folder).length).toBeWithin(4, 9);
  expect(events().length).toBe(20);
  rmSync(folder, { recursive: true });
  one.record(CALL);
  expect(events().length).toBe(1);
});

test("when too much waits what comes is lost, counted by action, and told once there is room", async () => {
  const one = trail({ segmentBytes: 1_000, spoolBytesMax: 3_000 });
  for (let i = 0; i < 100; i += 1) one.record(CALL);
  one.record({ ...CALL, action: "key.create" });
  const kept = events().length;
  expect(text().length).toBeWithin(3_000, 4_000);
  expect(logged).toEqual(["Events of the audit log are lost"]);
  const [first] = segmentsIn(folder);
  if (first !== undefined) truncateSync(first);
  await until(() => logged.length === 2);
  const told = events().find(({ action }) => action === "audit.lost");
  expect(told).toMatchObject({
    ...{ actor: { kind: "system" }, outcome: "failed" },
    details: { count: 101 - kept, actions: { "tool.call": 100 - kept, "key.create": 1 } },
  });
  one.record(CALL);
  one.close();
  expect(events().at(-1)?.action).toBe("tool.call");
});

test("a folder that cannot be made does not reach whoever records", () => {
  const one = trail({ folder: "/proc/nowhere/audit" });
  for (let i = 0; i < 3; i += 1) one.record(CALL);
  one.close();
  expect(logged).toEqual(["Events of the audit log are lost"]);
});

test("refused strangers are told singly at first, then counted, however many addresses they have", () => {
  let now = 1_800_000_000_000;
  const one = trail({ clock: () => now });
  for (let i = 0; i < 1_000; i += 1) {
    now += 10;
    one.record(REFUSED);
  }
  expect(events().length).toBe(SINGLE_PER_ADDRESS_MAX);
  for (let i = 0; i < 5_000; i += 1) one.record({ ...REFUSED, address: `2001:db8::${i}` });
  expect(events().length).toBe(SINGLE_MAX);
  // Whoever is known is not lost among them.
  for (let i = 0; i < 30; i += 1) one.record({ ...REFUSED, actor: { kind: "key", name: "phone" } });
  expect(events().length).toBe(SINGLE_MAX + SINGLE_PER_ADDRESS_MAX);
  one.close();
  const counted = events().filter(({ details }) => details !== null);
  const [phone] = counted.filter(({ actor }) => actor.name === "phone");
  expect(phone?.details).toMatchObject({ count: 30 - SINGLE_PER_ADDRESS_MAX });
  const summaries = counted.filter(({ actor }) => actor.kind === "anonymous");
  expect(summaries.length).toBe(COUNTS_MAX + 1);
  const sum = summaries.reduce((total, { details }) => total + Number(details?.["count"]), 0);
  expect(sum).toBe(6_000 - SINGLE_MAX);
  const stubborn = summaries.find(({ address }) => address === REFUSED.address);
  expect(stubborn?.details).toMatchObject({ count: 1_000 - SINGLE_PER_ADDRESS_MAX });
  expect(Date.parse(String(stubborn?.details?.["until"]))).toBe(1_800_000_010_000);
});

test("what strangers may do is bounded like what they may not", () => {
  const now = 1_800_000_000_000;
  const one = trail({ clock: () => now });
  for (let i = 0; i < 1_000; i += 1) one.record({ ...REFUSED, outcome: "ok" });
  expect(events().length).toBe(SINGLE_PER_ADDRESS_MAX);
  for (let i = 0; i < 5_000; i += 1) {
    one.record({ ...REFUSED, outcome: "ok", address: `2001:db8::${i}` });
  }
  expect(events().length).toBe(SINGLE_MAX);
  one.close();
});

test("recording costs microseconds", () => {
  const one = trail({ spoolBytesMax: 1024 ** 3 });
  const took = Array.from({ length: 5_000 }, () => {
    const began = performance.now();
    one.record(CALL);
    return performance.now() - began;
  }).sort((a, b) => a - b);
  const p50 = took[2_500] ?? Number.POSITIVE_INFINITY;
  process.stderr.write(`recording takes ${(p50 * 1000).toFixed(1)} µs (median)\n`);
  expect(p50).toBeLessThan(0.05);
});
