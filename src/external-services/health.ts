/** What a health check's end means, and what to do about a service that is not well. All of it pure. */
import type { ServiceStatus } from "../contract/external-service.ts";
import { type CommandEnd, endInWords } from "./run-command.ts";

export type Look =
  | { kind: "well" }
  /** It answers, and not as it should. */
  | { kind: "ill"; why: string }
  /** The check itself failed: mostly the service is not there. */
  | { kind: "failed"; why: string }
  /** Nothing can be told or done: Docker is not there, or does not answer. */
  | { kind: "blocked"; why: string };

const SAID_CHARACTERS = 200;

function lastWords(said: string): string {
  const text = said.trim().slice(-SAID_CHARACTERS);
  return text === "" ? "" : `: ${text}`;
}

export function lookFrom(end: CommandEnd, expected: string): Look {
  if (end.how !== "exit" || end.code !== 0) {
    return { kind: "failed", why: `its health check had ${endInWords(end)}${lastWords(end.said)}` };
  }
  if (end.said.includes(expected)) return { kind: "well" };
  const said = end.said.trim().slice(0, SAID_CHARACTERS);
  return { kind: "ill", why: `its health check says "${said}", not "${expected}"` };
}

/** The word for it; what nobody wants to run and does not is just stopped. */
export function statusOf(look: Look, shouldRun: boolean): ServiceStatus {
  switch (look.kind) {
    case "well":
      return "running";
    case "blocked":
      return "unknown";
    case "ill":
      return shouldRun ? "unhealthy" : "stopped";
    case "failed":
      return shouldRun ? "unknown" : "stopped";
  }
}

/** What is remembered of a service between two looks. Times in ms of a clock that nobody can set. */
export interface Watch {
  /** Starts that were no use, since it was last well for long enough. */
  failures: number;
  well_since: number | null;
  /** Bad looks in a row since the last start. */
  bad_looks: number;
  next_start_at: number | null;
  /** Started again in vain too often. */
  given_up: boolean;
}

export const UNWATCHED: Watch = {
  failures: 0,
  well_since: null,
  bad_looks: 0,
  next_start_at: null,
  given_up: false,
};

/** One bad look may be an accident. */
export const BAD_LOOKS_MIN = 2;
export const STARTS_MAX = 8;
/** In parts of, or times, the period between looks: 2 s, 5 min and 5 min with 30 s. */
const AGAIN_PARTS = 15;
const DELAY_PERIODS_MAX = 10;
const HEALTHY_STRETCH_PERIODS = 10;
/** Half of a delay is random, so that things that failed together do not come back together. */
const JITTER = 0.5;

export interface Moment {
  now: number;
  /** 0 to 1 */
  random: number;
  /** Between two looks at a service that is well. */
  period_ms: number;
}

/** No delay for the first start; then doubled each time. */
export function startDelay(failures: number, { random, period_ms }: Moment): number {
  if (failures <= 1) return 0;
  const full = Math.min(
    period_ms * DELAY_PERIODS_MAX,
    (period_ms / AGAIN_PARTS) * 2 ** (failures - 2),
  );
  return Math.round(full * (1 - JITTER * random));
}

interface Decision {
  watch: Watch;
  start: boolean;
  /** When to look again. */
  next_look_ms: number;
}

/** @param wanted whether it should run, and is to be started again when it does not */
export function decide(
  watch: Watch,
  look: Look,
  wanted: { should_run: boolean; restart_on_failure: boolean },
  moment: Moment,
): Decision {
  const { now, period_ms } = moment;
  const later = { start: false, next_look_ms: period_ms };
  if (look.kind === "well") return { watch: afterWell(watch, moment), ...later };
  if (!wanted.should_run) return { watch: UNWATCHED, ...later };
  const ill: Watch = { ...watch, well_since: null };
  // A start would fail for the same reason, and count against the service.
  if (look.kind === "blocked" || !wanted.restart_on_failure || watch.given_up) {
    return { watch: ill, ...later };
  }
  const again = Math.min(period_ms, period_ms / AGAIN_PARTS);
  const bad_looks = watch.bad_looks + 1;
  if (bad_looks < BAD_LOOKS_MIN) {
    return { watch: { ...ill, bad_looks }, start: false, next_look_ms: again };
  }
  const due = watch.next_start_at ?? dueAt(watch, moment);
  if (due === undefined) {
    return { watch: { ...ill, bad_looks, next_start_at: null, given_up: true }, ...later };
  }
  if (due > now) {
    const waiting = { ...ill, bad_looks, next_start_at: due };
    return { watch: waiting, start: false, next_look_ms: Math.min(period_ms, due - now) };
  }
  const failures = watch.failures + 1;
  return {
    watch: { ...ill, failures, bad_looks: 0, next_start_at: null },
    start: true,
    next_look_ms: again,
  };
}

function dueAt({ failures }: Watch, moment: Moment): number | undefined {
  if (failures >= STARTS_MAX) return undefined;
  return moment.now + startDelay(failures + 1, moment);
}

function afterWell(watch: Watch, { now, period_ms }: Moment): Watch {
  const well_since = watch.well_since ?? now;
  const isLong = now - well_since >= period_ms * HEALTHY_STRETCH_PERIODS;
  return { ...UNWATCHED, well_since, failures: isLong ? 0 : watch.failures };
}
