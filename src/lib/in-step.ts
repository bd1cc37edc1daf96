/** Repeats in step with everything else that repeats: each waking of a process costs more than what it then looks at. */

/** A timer may be early by less than this. */
const EARLY_MS = 1;

/** Milliseconds to the next whole multiple of `periodMs` on the monotonic clock. */
export function untilNextStep(periodMs: number): number {
  const left = periodMs - (performance.now() % periodMs);
  return left < EARLY_MS ? left + periodMs : left;
}

/**
 * Calls `look` at each whole multiple of `periodMs` on the monotonic clock, so that what has the same period wakes
 * the process once; returns how to end that.
 */
export function repeatInStep(look: () => void, periodMs: number): () => void {
  let timer: Timer;
  const wait = (): void => {
    timer = setTimeout(() => {
      wait();
      look();
    }, untilNextStep(periodMs));
  };
  wait();
  return () => clearTimeout(timer);
}
