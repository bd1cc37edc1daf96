/** How long a process that failed waits before it is started again. */

const FIRST_MS = 200;
const LAST_MS = 30_000;
/** Half of the delay is random, so that things that failed together do not come back together. */
const JITTER = 0.5;

/**
 * The first failure after a good run is answered at once; then exponential back-off with jitter:
 * 200 ms doubled for each further failure in a row, up to 30 s.
 * @param failures how many times in a row it failed, from 1
 * @param random a number from 0 to 1
 * @returns milliseconds
 */
export function restartDelay(failures: number, random: number): number {
  if (failures <= 1) return 0;
  const full = Math.min(LAST_MS, FIRST_MS * 2 ** (failures - 2));
  return Math.round(full * (1 - JITTER * random));
}
