/** What Home says about processes. */
import { expect, test } from "bun:test";
import type { Overview, Problem, ProcessView } from "../../../../src/contract/process.ts";
import { statusOf } from "./process-status.ts";
import { summaryOf } from "./summary.ts";

type Part = Pick<ProcessView, "label" | "kind" | "status" | "health">;
const part = (label: string, change: Partial<Part> = {}): Part => ({
  label,
  kind: "core",
  status: "running",
  health: "healthy",
  ...change,
});
const overview = (processes: Part[], change: Partial<Overview> = {}) => ({
  phase: "running" as const,
  problems: [],
  ...change,
  processes,
});
const PROBLEM: Problem = {
  id: "x",
  severity: "error",
  title: "",
  detail: "",
  fix: "",
  since: "2026-11-22T12:00:00Z",
};

test("one sentence says how it is", () => {
  const good = [part("Proxy"), part("Agent API"), part("MCP")];
  expect(summaryOf(overview(good))).toBe("Everything runs. Nothing needs you.");
  expect(
    summaryOf(overview([...good, part("Hub", { status: "fatal" })], { problems: [PROBLEM] })),
  ).toBe("Everything runs except Hub. One thing needs you.");
  const down = good.map((each) => ({ ...each, health: "unhealthy" as const }));
  expect(summaryOf(overview(down, { problems: [PROBLEM, PROBLEM] }))).toBe(
    "0 of 3 parts run. 2 things need you.",
  );
  expect(summaryOf(overview(down, { phase: "starting" }))).toBe(
    "Luna is starting: 0 of 3 parts run.",
  );
  expect(summaryOf(overview(good, { phase: "stopping" }))).toBe("Luna is stopping.");
});

test("a tool host that sleeps is no trouble", () => {
  const host = part("notes", { kind: "tool-host", status: "stopped" });
  expect(summaryOf(overview([part("Proxy"), host]))).toStartWith("Everything runs.");
  expect(statusOf({ ...host, next_start_at: null }, 0).word).toBe("Idle");
});

test("a process in back-off says when it starts again", () => {
  const next_start_at = new Date(10_000).toISOString();
  const waiting = { status: "backoff", health: "unknown", kind: "core", next_start_at } as const;
  expect(statusOf(waiting, 2_500)).toEqual({ word: "Restarting", tone: "warn", detail: "in 8 s" });
  expect(statusOf(waiting, 10_000).detail).toBeUndefined();
  expect(statusOf({ ...waiting, status: "running" }, 2_500)).toEqual({
    word: "Running",
    tone: "good",
    detail: undefined,
  });
  expect(statusOf({ ...waiting, status: "running", health: "unhealthy" }, 0).word).toBe(
    "Unhealthy",
  );
});
