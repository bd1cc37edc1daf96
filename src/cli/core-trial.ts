/** Watches over a new program of Luna's own until it works: takes it back when it does not, becomes it when it does. */
import type { CoreUpdateFile } from "../contract/core-update.ts";
import { type CoreUpdate, NEVER_IN_PLACE } from "../core-update/core-update.ts";
import { LunaError } from "../lib/errors.ts";
import type { ManagedProcess } from "../supervisor/process/managed-process.ts";
import type { Control } from "./control.ts";

const POLL_MS = 250;
/** A bootstrap of the new program that began so often, and never saw it work, gives it up. */
const STARTS_MAX = 3;
/** A supervisor of the new program that ended so often is given up. */
const ENDS_MAX = 3;

interface CoreTrialOptions {
  update: CoreUpdate;
  /** The version of this very bootstrap. */
  version: string;
  control: Pick<Control, "overview">;
  supervisor: Pick<ManagedProcess, "restart" | "lastExit" | "view">;
  /** How long the new program has, in milliseconds. */
  graceMs(): Promise<number>;
  /** Becomes whatever program is in place now, unless Luna stops. */
  become(): Promise<void>;
  say(text: string): void;
}

/** What is not well with the new program, as far as somebody can say. */
async function faultOf({ control, supervisor }: CoreTrialOptions): Promise<string> {
  try {
    const { processes } = await control.overview();
    const ill = processes.filter(
      ({ kind, status, health }) =>
        (kind === "core" || kind === "caddy") && (status !== "running" || health !== "healthy"),
    );
    const told = ill.map(({ name, status, last_exit }) => `${name} is ${status} (${last_exit})`);
    return told.length === 0 ? "it was still starting" : told.join(", ");
  } catch (error) {
    if (!(error instanceof LunaError)) throw error;
    return `its supervisor does not answer (${supervisor.lastExit ?? "it runs"})`;
  }
}

/**
 * For a bootstrap that begins: what became of a trial that nobody saw the end of.
 * @returns whether another program is in place now, which this process should become
 */
export async function settleTrial(update: CoreUpdate, version: string): Promise<boolean> {
  const found = await update.read();
  if (found?.state !== "trying") return false;
  if (found.to !== version) {
    // It was never put in place, or this program was put back by hand.
    await update.rollBack(NEVER_IN_PLACE);
    return false;
  }
  if (found.starts >= STARTS_MAX) {
    await update.rollBack(`it was started ${found.starts} times, and never ran well`);
    return true;
  }
  await update.countStart();
  return false;
}

export class CoreTrial {
  readonly #options: CoreTrialOptions;
  #isWatching = false;
  #isOver = false;

  constructor(options: CoreTrialOptions) {
    this.#options = options;
  }

  /** Call it after each change of the supervisor: one that ended may have left a new program behind. */
  async look(): Promise<void> {
    if (this.#isWatching) return;
    this.#isWatching = true;
    try {
      const found = await this.#options.update.read();
      if (found?.state === "trying") await this.#watch(found);
    } finally {
      this.#isWatching = false;
    }
  }

  /** Luna stops: nothing is judged any more. */
  end(): void {
    this.#isOver = true;
  }

  async #watch({ to }: CoreUpdateFile): Promise<void> {
    const { update, version, supervisor, graceMs, become, say } = this.#options;
    const deadline = performance.now() + (await graceMs());
    const restartsBefore = supervisor.view().restarts;
    for (;;) {
      const found = await update.read();
      if (this.#isOver) return;
      // The supervisor that was in the middle of it was started again, and has taken it back.
      if (found?.state === "rolled_back") return;
      if (found?.state !== "trying") break;
      const ends = supervisor.view().restarts - restartsBefore;
      const isLate = performance.now() > deadline;
      if (isLate || ends >= ENDS_MAX) {
        const why = isLate
          ? `it did not run well in time: ${await faultOf(this.#options)}`
          : `its supervisor ended ${ends} times (${supervisor.lastExit})`;
        await update.rollBack(why);
        say(`Luna ${to} is taken back: ${why}`);
        if (version === to) await become();
        else supervisor.restart();
        return;
      }
      await Bun.sleep(POLL_MS);
    }
    // It works: this process becomes it too, under the pid that others know.
    if (version !== to) await become();
  }
}
