/** What Luna promises about supervision, judged against the other arms of the same run. */
import { LUNA } from "./luna-arm.ts";
import { PM2_ARM, SUPERVISORD } from "./other-arms.ts";
import type { Figures } from "./report.ts";

const SUPERVISORD_SHARE = 40;
const LOOP_SHARE = 20;
const IDLE_PERCENT_MAX = 0.5;

interface Bound {
  promise: string;
  value: number;
  limit: number;
  unit: string;
}

function boundsOf(figures: readonly Figures[]): Bound[] {
  const named = (name: string): Figures | undefined => figures.find((one) => one.name === name);
  const [luna, pm2, supervisord] = [LUNA, PM2_ARM, SUPERVISORD].map(({ name }) => named(name));
  const bound = (
    promise: string,
    value: number | undefined,
    limit: number,
    unit: string,
  ): Bound => ({
    promise,
    value: value ?? Number.NaN,
    limit,
    unit,
  });
  const nan = Number.NaN;
  return [
    bound(
      "a killed child serves again, at most pm2's",
      luna?.recoveryMs,
      pm2?.recoveryMs ?? nan,
      "ms",
    ),
    bound(
      `the same, at most 1/${SUPERVISORD_SHARE} of supervisord's`,
      luna?.recoveryMs,
      (supervisord?.recoveryMs ?? nan) / SUPERVISORD_SHARE,
      "ms",
    ),
    bound("memory of the supervisor (PSS), under pm2's", luna?.pssMb, pm2?.pssMb ?? nan, "MB"),
    bound(
      "processor time of the idle supervisor",
      luna?.idlePercent,
      IDLE_PERCENT_MAX,
      "% of a core",
    ),
    bound(
      `processor time of a crash loop, at most 1/${LOOP_SHARE} of pm2's`,
      luna?.loop?.cpuMs,
      (pm2?.loop?.cpuMs ?? nan) / LOOP_SHARE,
      "ms",
    ),
  ];
}

/** A bound without one of its figures is not kept. */
export function judgeAll(figures: readonly Figures[]): { text: string; isKept: boolean } {
  const bounds = boundsOf(figures);
  const lines = bounds.map(({ promise, value, limit, unit }) => {
    const word = value <= limit ? "pass" : "FAIL";
    return `  ${word}  ${promise}: ${value.toFixed(2)}, bound ${limit.toFixed(2)} ${unit}`;
  });
  return {
    text: ["\nBounds", ...lines].join("\n"),
    isKept: bounds.every(({ value, limit }) => value <= limit),
  };
}
