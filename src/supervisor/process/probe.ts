/** Asks a process whether it serves. */

/** Where a process answers `GET <path>` with a 2xx when it is well. */
export type Probe = { url: string } | { unix: string; path: string };

const PROBE_TIMEOUT_MS = 2_000;

/** Whether it answered with a 2xx in time; a refusal, a reset and silence are all "no". */
export async function answers(probe: Probe, timeoutMs = PROBE_TIMEOUT_MS): Promise<boolean> {
  const [url, unix] =
    "url" in probe ? [probe.url, undefined] : [`http://localhost${probe.path}`, probe.unix];
  try {
    const response = await fetch(url, {
      signal: AbortSignal.timeout(timeoutMs),
      redirect: "manual",
      // A kept connection would say more of the past than of now.
      headers: { Connection: "close" },
      ...(unix === undefined ? {} : { unix }),
    });
    await response.body?.cancel();
    return response.ok;
  } catch {
    // Whatever the reason, it does not serve.
    return false;
  }
}
