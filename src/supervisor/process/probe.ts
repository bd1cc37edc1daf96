/** Asks a process whether it serves. */

/** How a process shows that it is well. */
export type Probe =
  /** It answers `GET` with a 2xx. */
  | { url: string }
  /** The same on a unix socket. */
  | { unix: string; path: string }
  /** It accepts connections. */
  | { port: number }
  /** It lives: nothing else can be asked of it. */
  | { alive: true };

async function accepts(port: number, timeoutMs: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const timer = setTimeout(() => resolve(false), timeoutMs);
  const none = (): void => undefined;
  Bun.connect({
    hostname: "127.0.0.1",
    port,
    socket: {
      open: (socket) => {
        resolve(true);
        socket.end();
      },
      connectError: () => resolve(false),
      data: none,
      error: none,
    },
  }).catch(() => resolve(false)); // A refusal is an answer.
  const result = await promise;
  clearTimeout(timer);
  return result;
}

/** Whether it is well; a refusal, a reset and silence are all "no". */
export async function answers(probe: Probe, timeoutMs: number): Promise<boolean> {
  if ("alive" in probe) return true;
  if ("port" in probe) return accepts(probe.port, timeoutMs);
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
