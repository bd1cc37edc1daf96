/** Asks auth which sessions are alive, for what stays open after the edge has checked one. */
import type { Credentials } from "../config/credentials.ts";
import type { Ports } from "../config/ports.ts";
import { LivingSessions } from "../contract/auth.ts";

const TIMEOUT_MS = 2_000;

interface LivingSessionsOptions {
  ports: Pick<Ports, "auth">;
  credentials: Pick<Credentials, "authToken">;
}

/** The question: undefined is the answer while auth gives none, as one that restarts ends nobody's session. */
export function livingSessionsOf({ ports, credentials }: LivingSessionsOptions) {
  return async (ids: readonly string[]): Promise<readonly string[] | undefined> => {
    try {
      const response = await fetch(
        `http://127.0.0.1:${ports.auth}/living-sessions?ids=${ids.join(",")}`,
        {
          headers: { Authorization: `Bearer ${credentials.authToken}` },
          signal: AbortSignal.timeout(TIMEOUT_MS),
        },
      );
      if (!response.ok) return undefined;
      return LivingSessions.parse(await response.json()).living;
    } catch {
      return undefined;
    }
  };
}
