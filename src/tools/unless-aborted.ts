/** Waiting that ends early for the one who waits, while the work goes on for others. */

/** `promise`, or the abort of `signal` if that comes first. */
export async function unlessAborted<T>(
  promise: Promise<T>,
  signal: AbortSignal | undefined,
): Promise<T> {
  if (signal === undefined) return promise;
  const aborted = Promise.withResolvers<never>();
  const onAbort = (): void => aborted.reject(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  const first = Promise.race([promise, aborted.promise]);
  if (signal.aborted) onAbort();
  try {
    return await first;
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}
