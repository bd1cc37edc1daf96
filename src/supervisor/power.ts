/** Ends all of Luna, or starts it again, through the `luna up` that watches over this process. */
import { RESTART_SIGNAL, runningBootstrap } from "../config/lock-holder.ts";
import type { Paths } from "../config/paths.ts";
import type { Caller } from "../contract/audit.ts";
import { UnavailableError } from "../lib/errors.ts";
import { sendSignal } from "../lib/proc.ts";
import type { Runs } from "../updates/runs.ts";
import type { Queue } from "./queue.ts";

/** Who asked is answered first. */
const ANSWER_MS = 150;

interface PowerOptions {
  paths: Pick<Paths, "lock">;
  queue: Pick<Queue, "current">;
  runs: Pick<Runs, "applySaved">;
}

export class Power {
  readonly #options: PowerOptions;

  constructor(options: PowerOptions) {
    this.#options = options;
  }

  /** Begins a run of the saved queue, which the next supervisor carries out: first all stops, then it changes. */
  async restart(by: Caller): Promise<string | null> {
    const { queue, runs } = this.#options;
    const bootstrap = this.#bootstrap("restart");
    const isSaved = (await queue.current()) !== undefined;
    const run = isSaved ? await runs.applySaved(by, "after_restart") : null;
    setTimeout(() => sendSignal(bootstrap, RESTART_SIGNAL), ANSWER_MS);
    return run;
  }

  /** Starts everything again, for a program that has been put into place. */
  again(): void {
    sendSignal(this.#bootstrap("restart"), RESTART_SIGNAL);
  }

  async shutdown(): Promise<void> {
    const bootstrap = this.#bootstrap("stop");
    setTimeout(() => sendSignal(bootstrap, "SIGTERM"), ANSWER_MS);
  }

  /** @throws UnavailableError when nobody would start, or stop, this process */
  #bootstrap(what: string): number {
    const pid = runningBootstrap(this.#options.paths.lock);
    if (pid !== undefined) return pid;
    throw new UnavailableError(
      `Cannot ${what} Luna from here: the "luna up" that started it has ended; run "luna down", then "luna up"`,
    );
  }
}
