/** Decides, without acting, what a supervised process does next (states are supervisord's). */
import type { ProcessState } from "../../contract/process.ts";
import { restartDelay } from "./restart-delay.ts";

/** All that the decision depends on. */
export interface Machine {
  state: ProcessState;
  /** Times (ms) of unexpected ends within the window, oldest first. */
  failures: readonly number[];
  /** Starts after the first one of this supervisor's life. */
  restarts: number;
  /** Whether the end that is awaited is followed by a start. */
  start_again: boolean;
  /** When the current run became ready, in ms; null before that. */
  ready_at: number | null;
}

export type ProcessEvent =
  | { type: "start" }
  | { type: "stop" }
  | { type: "restart" }
  /** It answered for the first time. */
  | { type: "ready" }
  /** The process is gone, for whatever reason. */
  | { type: "exited" }
  /** It lives but does not answer, or never became ready: worse than gone. */
  | { type: "unresponsive" }
  /** The back-off is over. */
  | { type: "delay_over" };

export type ProcessAction =
  | { type: "none" }
  | { type: "spawn" }
  /** End the whole group. */
  | { type: "kill" }
  | { type: "wait"; delay_ms: number };

export interface RestartPolicy {
  /** `always`: an end is a failure. `on_demand`: it may end, and is started by the next use. */
  restart: "always" | "on_demand";
}

export interface Moment {
  /** ms, of a clock that nobody can set: a day that somebody skips is no healthy minute. */
  now: number;
  /** 0 to 1 */
  random: number;
}

export const FAILURES_MAX = 10;
export const FAILURE_WINDOW_MS = 5 * 60_000;
/** A run that was ready for this long wipes the failures before it. */
export const HEALTHY_STRETCH_MS = 60_000;

export const INITIAL: Machine = {
  state: "stopped",
  failures: [],
  restarts: 0,
  start_again: false,
  ready_at: null,
};

const NOTHING: ProcessAction = { type: "none" };

interface Decision {
  machine: Machine;
  action: ProcessAction;
}

function toStarting(machine: Machine, isRestart: boolean): Decision {
  return {
    machine: {
      ...machine,
      state: "starting",
      start_again: false,
      ready_at: null,
      restarts: machine.restarts + (isRestart ? 1 : 0),
    },
    action: { type: "spawn" },
  };
}

function toStopping(machine: Machine, startAgain: boolean): Decision {
  return {
    machine: { ...machine, state: "stopping", start_again: startAgain },
    action: { type: "kill" },
  };
}

/** The failures that count at this moment. */
export function failuresAt({ ready_at, failures }: Machine, now: number): number[] {
  const isHealthy = ready_at !== null && now - ready_at >= HEALTHY_STRETCH_MS;
  return isHealthy ? [] : failures.filter((time) => now - time < FAILURE_WINDOW_MS);
}

/** The failures that count once this run has ended. */
function failuresAfter(machine: Machine, now: number): number[] {
  return [...failuresAt(machine, now), now];
}

function afterFailure(machine: Machine, moment: Moment): Decision {
  const failures = failuresAfter(machine, moment.now);
  const failed = { ...machine, failures, ready_at: null, start_again: false };
  return startLater(failed, moment);
}

/** What failed is started again: at once, after a while, or, in a crash loop, not at all. */
function startLater(machine: Machine, moment: Moment): Decision {
  const failures = machine.failures.length;
  if (failures >= FAILURES_MAX) {
    return { machine: { ...machine, state: "fatal", start_again: false }, action: NOTHING };
  }
  const delay_ms = failures === 0 ? 0 : restartDelay(failures, moment.random);
  if (delay_ms === 0) return toStarting(machine, true);
  return {
    machine: { ...machine, state: "backoff", start_again: false },
    action: { type: "wait", delay_ms },
  };
}

function afterExit(machine: Machine, policy: RestartPolicy, moment: Moment): Decision {
  if (machine.state === "stopping") {
    if (machine.start_again) return startLater({ ...machine, ready_at: null }, moment);
    return { machine: { ...machine, state: "stopped", ready_at: null }, action: NOTHING };
  }
  if (policy.restart === "always") return afterFailure(machine, moment);
  return { machine: { ...machine, state: "exited", ready_at: null }, action: NOTHING };
}

/** An event that this state has no use for changes nothing. */
function ignored(machine: Machine): Decision {
  return { machine, action: NOTHING };
}

/** The next machine, and the one thing to do. Pure: time and chance come with `moment`. */
export function transition(
  machine: Machine,
  event: ProcessEvent,
  context: RestartPolicy & Moment,
): Decision {
  const { state } = machine;
  const lives = state === "starting" || state === "running";
  switch (event.type) {
    case "start":
      if (lives) return ignored(machine);
      // Somebody wants it now: what failed before does not hold it up.
      if (state === "stopping")
        return { machine: { ...machine, failures: [], start_again: true }, action: NOTHING };
      return toStarting(
        state === "fatal" || state === "backoff" ? { ...machine, failures: [] } : machine,
        state !== "stopped",
      );
    case "restart":
      // Somebody looked at it: what failed before does not count any more.
      if (lives) return toStopping({ ...machine, failures: [] }, true);
      return transition(machine, { type: "start" }, context);
    case "stop":
      if (lives) return toStopping(machine, false);
      if (state === "stopping")
        return { machine: { ...machine, start_again: false }, action: NOTHING };
      return { machine: { ...machine, state: "stopped", start_again: false }, action: NOTHING };
    case "ready":
      if (state !== "starting") return ignored(machine);
      return { machine: { ...machine, state: "running", ready_at: context.now }, action: NOTHING };
    case "unresponsive":
      if (!lives) return ignored(machine);
      return toStopping(
        { ...machine, failures: failuresAfter(machine, context.now) },
        context.restart === "always",
      );
    case "exited":
      return lives || state === "stopping"
        ? afterExit(machine, context, context)
        : ignored(machine);
    case "delay_over":
      return state === "backoff" ? toStarting(machine, true) : ignored(machine);
  }
}
