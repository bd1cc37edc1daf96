/** Waits for a condition with a bound: what tests do in place of a fixed sleep. */
const DEFAULT_TIMEOUT_MS = 10_000;
const INTERVAL_MS = 20;

interface UntilOptions {
  timeoutMs?: number;
  /** What is waited for, for the failure's message. */
  what?: string;
}

/**
 * Calls `probe` until it returns something truthy, and returns that.
 * A probe that throws counts as "not yet"; its last error is told when time runs out.
 */
export async function until<T>(
  probe: () => T | Promise<T>,
  options: UntilOptions = {},
): Promise<NonNullable<T>> {
  const { timeoutMs = DEFAULT_TIMEOUT_MS, what = "the condition" } = options;
  const deadline = Date.now() + timeoutMs;
  let last: unknown;
  for (;;) {
    try {
      const value = await probe();
      if (value) return value;
    } catch (error) {
      last = error;
    }
    if (Date.now() > deadline) {
      throw new Error(`Waited ${timeoutMs} ms in vain for ${what}`, { cause: last });
    }
    await Bun.sleep(INTERVAL_MS);
  }
}
