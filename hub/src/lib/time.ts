/** Times and durations in words. */
import { useEffect, useState } from "react";

const MINUTE_S = 60;
const HOUR_S = 60 * MINUTE_S;
const DAY_S = 24 * HOUR_S;

/** "41 s", "12 min", "3 h 5 min", "3 d 4 h". */
export function durationText(milliseconds: number): string {
  const seconds = Math.max(0, Math.floor(milliseconds / 1000));
  if (seconds < MINUTE_S) return `${seconds} s`;
  if (seconds < HOUR_S) return `${Math.floor(seconds / MINUTE_S)} min`;
  const [large, small, unit, sub] =
    seconds < DAY_S
      ? ([HOUR_S, MINUTE_S, "h", "min"] as const)
      : ([DAY_S, HOUR_S, "d", "h"] as const);
  const rest = Math.floor((seconds % large) / small);
  return `${Math.floor(seconds / large)} ${unit}${rest === 0 ? "" : ` ${rest} ${sub}`}`;
}

/** "14:02:33" on this clock. */
export function clockText(time: number): string {
  return new Date(time).toLocaleTimeString("en-GB");
}

/** "14:02" today, "21 Nov, 14:02" otherwise. */
export function momentText(time: number, now: number): string {
  const date = new Date(time);
  const clock = date.toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" });
  if (date.toDateString() === new Date(now).toDateString()) return clock;
  return `${date.toLocaleDateString("en-GB", { day: "numeric", month: "short" })}, ${clock}`;
}

/** The present, renewed each `intervalMs`; null stops it. */
export function useNow(intervalMs: number | null): number {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    if (intervalMs === null) return;
    setNow(Date.now());
    const timer = setInterval(() => setNow(Date.now()), intervalMs);
    return () => clearInterval(timer);
  }, [intervalMs]);
  return now;
}
