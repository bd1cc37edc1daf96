/** Asks the supervisor to start and stop tool hosts: only it has the secrets and the processes. */
import { z } from "zod";
import { ErrorBody } from "../contract/error.ts";
import { messageOf, UnavailableError } from "../lib/errors.ts";

/** A cold start takes tens of milliseconds; a slow disk or a large extension more. */
const START_TIMEOUT_MS = 20_000;
const STOP_TIMEOUT_MS = 10_000;

/** A supervisor that died is back within a second. Starting and stopping twice is the same as once. */
const RETURN_TIMEOUT_MS = 3_000;
const RETRY_MS = 50;

const Stopped = z.object({ stopped: z.boolean() });

interface HostControlOptions {
  supervisorUrl: string;
  token: string;
}

export class HostControl {
  readonly #options: HostControlOptions;
  readonly #starting = new Map<string, Promise<void>>();

  constructor(options: HostControlOptions) {
    this.#options = options;
  }

  /**
   * Returns when the extension's host answers on its socket. Callers that come meanwhile share one request.
   * @throws UnavailableError with the supervisor's own words
   */
  start(extension: string): Promise<void> {
    const underway = this.#starting.get(extension);
    if (underway !== undefined) return underway;
    const start = this.#post(`${extension}/start`, undefined, START_TIMEOUT_MS).then(
      () => undefined,
    );
    const tracked = start.finally(() => this.#starting.delete(extension));
    this.#starting.set(extension, tracked);
    return tracked;
  }

  /** Kills the run `pid` of the extension's host; false when another run has taken its place. */
  async stop(extension: string, run: { pid: number; reason: string }): Promise<boolean> {
    const answer = await this.#post(`${extension}/stop`, run, STOP_TIMEOUT_MS);
    return Stopped.parse(answer).stopped;
  }

  async #post(path: string, body: unknown, timeoutMs: number): Promise<unknown> {
    const answered = Date.now() + RETURN_TIMEOUT_MS;
    for (;;) {
      try {
        const { ok, status, answer } = await this.#ask(path, body, timeoutMs);
        if (ok) return answer;
        const told = ErrorBody.safeParse(answer);
        throw new UnavailableError(
          told.success ? told.data.error.message : `the supervisor answered ${status}`,
        );
      } catch (cause) {
        if (cause instanceof UnavailableError) throw cause;
        const isLate = cause instanceof Error && cause.name === "TimeoutError";
        if (isLate || Date.now() > answered) {
          throw new UnavailableError(
            `the supervisor, which starts and stops tool hosts, gave no answer (${messageOf(cause)})`,
            { cause },
          );
        }
        await Bun.sleep(RETRY_MS);
      }
    }
  }

  /** One request; throws when no whole answer came. */
  async #ask(path: string, body: unknown, timeoutMs: number) {
    const { supervisorUrl, token } = this.#options;
    const response = await fetch(`${supervisorUrl}/tool-hosts/${path}`, {
      method: "POST",
      headers: { Authorization: `Bearer ${token}`, "Content-Type": "application/json" },
      body: JSON.stringify(body ?? {}),
      signal: AbortSignal.timeout(timeoutMs),
      redirect: "manual",
    });
    const answer: unknown = await response.json();
    return { ok: response.ok, status: response.status, answer };
  }
}
