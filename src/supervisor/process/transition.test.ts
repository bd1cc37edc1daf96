/** Tests of the process machine: its table, and invariants over random histories. */
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { ProcessState } from "../../contract/process.ts";
import {
  FAILURE_WINDOW_MS,
  FAILURES_MAX,
  HEALTHY_STRETCH_MS,
  INITIAL,
  type Machine,
  type ProcessAction,
  type ProcessEvent,
  transition,
} from "./transition.ts";

const always = { restart: "always", now: 1_000_000, random: 0 } as const;
const onDemand = { ...always, restart: "on_demand" } as const;

function machine(state: ProcessState, more: Partial<Machine> = {}): Machine {
  return { ...INITIAL, state, ...more };
}

describe("transition", () => {
  const rows: [ProcessState, ProcessEvent["type"], ProcessState, ProcessAction["type"]][] = [
    ["stopped", "start", "starting", "spawn"],
    ["exited", "start", "starting", "spawn"],
    ["fatal", "start", "starting", "spawn"],
    ["backoff", "start", "starting", "spawn"],
    ["starting", "start", "starting", "none"],
    ["running", "start", "running", "none"],
    ["stopping", "start", "stopping", "none"],
    ["starting", "ready", "running", "none"],
    ["stopped", "ready", "stopped", "none"],
    ["stopping", "ready", "stopping", "none"],
    // The first failure is answered at once.
    ["running", "exited", "starting", "spawn"],
    ["starting", "exited", "starting", "spawn"],
    ["stopping", "exited", "stopped", "none"],
    ["stopped", "exited", "stopped", "none"],
    ["backoff", "delay_over", "starting", "spawn"],
    ["stopped", "delay_over", "stopped", "none"],
    ["running", "delay_over", "running", "none"],
    ["running", "stop", "stopping", "kill"],
    ["starting", "stop", "stopping", "kill"],
    ["backoff", "stop", "stopped", "none"],
    ["fatal", "stop", "stopped", "none"],
    ["running", "restart", "stopping", "kill"],
    ["stopped", "restart", "starting", "spawn"],
    ["fatal", "restart", "starting", "spawn"],
    ["running", "unresponsive", "stopping", "kill"],
    ["starting", "unresponsive", "stopping", "kill"],
    ["stopped", "unresponsive", "stopped", "none"],
  ];
  for (const [state, type, next, action] of rows) {
    test(`${state} + ${type} -> ${next} (${action})`, () => {
      const decision = transition(machine(state), { type }, always);
      expect(decision.machine.state).toBe(next);
      expect(decision.action.type).toBe(action);
    });
  }

  test("what runs on demand may end and is not started again", () => {
    const decision = transition(machine("running"), { type: "exited" }, onDemand);
    expect(decision.machine.state).toBe("exited");
    expect(decision.action.type).toBe("none");
  });

  test("a restart starts again after the end, and counts", () => {
    const stopping = transition(machine("running"), { type: "restart" }, always).machine;
    const decision = transition(stopping, { type: "exited" }, always);
    expect(decision.machine).toMatchObject({ state: "starting", restarts: 1, start_again: false });
  });

  test("a restart by hand wipes the failures before it", () => {
    const failed = machine("running", { failures: [always.now, always.now] });
    expect(transition(failed, { type: "restart" }, always).machine.failures).toEqual([]);
  });

  test("a stop during a restart cancels the restart", () => {
    const restarting = transition(machine("running"), { type: "restart" }, always).machine;
    const stopping = transition(restarting, { type: "stop" }, always).machine;
    expect(transition(stopping, { type: "exited" }, always).machine.state).toBe("stopped");
  });

  test("a crash loop ends in fatal at the limit, and not before", () => {
    let current = machine("running");
    for (let failure = 1; failure <= FAILURES_MAX; failure += 1) {
      const decision = transition({ ...current, state: "running" }, { type: "exited" }, always);
      current = decision.machine;
      const waits = failure === 1 ? "starting" : "backoff";
      expect(current.state).toBe(failure < FAILURES_MAX ? waits : "fatal");
    }
  });

  test("a process that never answers ends in fatal as well", () => {
    let current = machine("starting");
    for (let round = 0; round < FAILURES_MAX; round += 1) {
      current = transition(current, { type: "unresponsive" }, always).machine;
      current = transition(current, { type: "exited" }, always).machine;
      current = transition(current, { type: "delay_over" }, always).machine;
    }
    expect(current.state).toBe("fatal");
  });

  test("a healthy stretch wipes the failures before it", () => {
    const now = always.now;
    const failures = Array.from({ length: FAILURES_MAX - 1 }, () => now - HEALTHY_STRETCH_MS - 1);
    const healthy = machine("running", { failures, ready_at: now - HEALTHY_STRETCH_MS });
    expect(transition(healthy, { type: "exited" }, always).machine).toMatchObject({
      state: "starting",
      failures: [now],
    });
  });

  test("failures outside the window do not count", () => {
    const failures = Array.from({ length: FAILURES_MAX }, () => always.now - FAILURE_WINDOW_MS - 1);
    const decision = transition(machine("running", { failures }), { type: "exited" }, always);
    expect(decision.machine.failures).toEqual([always.now]);
  });

  test("one that hangs again and again is started after a back-off, too", () => {
    const failed = machine("running", { failures: [always.now] });
    const stopping = transition(failed, { type: "unresponsive" }, always).machine;
    const decision = transition(stopping, { type: "exited" }, always);
    expect(decision.machine.state).toBe("backoff");
    expect(decision.action).toEqual({ type: "wait", delay_ms: 200 });
  });

  test("a start while it ends wipes the failures, and is not held up by them", () => {
    const stopping = machine("stopping", { failures: [always.now, always.now] });
    const again = transition(stopping, { type: "start" }, always).machine;
    expect(transition(again, { type: "exited" }, always).action).toEqual({ type: "spawn" });
  });
});

describe("over random histories", () => {
  const event = fc.constantFrom<ProcessEvent["type"]>(
    "start",
    "stop",
    "restart",
    "ready",
    "exited",
    "unresponsive",
    "delay_over",
  );
  const random = fc.double({ min: 0, max: 1, noNaN: true });
  const steps = fc.array(
    fc.record({
      type: event,
      after_ms: fc.nat(20_000),
      random,
    }),
    {
      maxLength: 200,
    },
  );

  test("never two processes at once, none started while one is stopping, delays bounded", () => {
    fc.assert(
      fc.property(steps, (history) => {
        let current = INITIAL;
        let alive = 0;
        let now = 0;
        for (const { type, after_ms, random } of history) {
          // The world reports an end only of what lives.
          if (type === "exited" && alive === 0) continue;
          now += after_ms;
          const before = current.state;
          const { machine: next, action } = transition(
            current,
            { type },
            { ...always, now, random },
          );
          if (type === "exited") alive = 0;
          if (action.type === "spawn") {
            alive += 1;
            if (before === "stopping") expect(type).toBe("exited");
          }
          if (action.type === "wait") {
            expect(action.delay_ms).toBeGreaterThanOrEqual(100);
            expect(action.delay_ms).toBeLessThanOrEqual(30_000);
          }
          expect(alive).toBeLessThanOrEqual(1);
          const lives = ["starting", "running", "stopping"].includes(next.state);
          expect(alive).toBe(lives ? 1 : 0);
          if (next.state === "fatal" && before !== "fatal") {
            expect(next.failures.length).toBeGreaterThanOrEqual(FAILURES_MAX);
          }
          current = next;
        }
      }),
      { numRuns: 300 },
    );
  });
});
