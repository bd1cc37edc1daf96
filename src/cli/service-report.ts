/** Keeps the service manager told: how the start goes, when Luna is ready, that it is not stuck, that it stops. */
import type { Overview, ProcessView } from "../contract/process.ts";
import type { ServiceManager } from "../lib/sd-notify.ts";

const START_LOOK_MS = 200;
const LOOK_MS = 10_000;
/** A supervisor that does not answer is on its way back: it must not miss the watchdog by a look. */
const LOOK_AGAIN_MS = 1_000;
/** While the start goes on, the manager waits this much longer than its limit. */
const MORE_TIME_US = 30_000_000;
/** A start that takes longer, even one that fetches Caddy over a slow line, is left to the manager's limit. */
const START_MS_MAX = 15 * 60_000;

/** The part of the overview that is told. */
type Told = Pick<Overview, "phase" | "public_url"> & {
  processes: readonly Pick<ProcessView, "name" | "kind" | "status" | "last_exit">[];
};

/** Who knows how Luna is: the control API. */
interface Source {
  overview(): Promise<Told>;
}

/** What does not run though it should, each with its state and why. */
function faults({ processes }: Told): string[] {
  return processes
    .filter(({ status }) => status === "fatal" || status === "backoff")
    .map(({ name, status, last_exit }) =>
      last_exit === null ? `${name} ${status}` : `${name} ${status} (${last_exit})`,
    );
}

/** One line for people, as `systemctl status` shows it. */
export function statusText(overview: Told | undefined, wasReady: boolean): string {
  if (overview === undefined) {
    return wasReady ? "Degraded: the supervisor does not answer" : "Starting";
  }
  const all = overview.processes.filter(({ kind }) => kind !== "tool-host");
  const running = all.filter(({ status }) => status === "running").length;
  const wrong = faults(overview);
  if (overview.phase === "starting") return `Starting: ${running} of ${all.length} parts run`;
  if (wrong.length > 0) return `Degraded: ${wrong.join(", ")}`;
  return `${running} of ${all.length} parts run at ${overview.public_url}`;
}

/** The overview, or undefined while the supervisor does not answer. */
async function look(source: Source | undefined): Promise<Told | undefined> {
  try {
    return await source?.overview();
  } catch {
    // Whatever is wrong with it, it is no answer; for this the manager has its watchdog.
    return undefined;
  }
}

export class ServiceReport {
  readonly #manager: ServiceManager | undefined;
  readonly #began = performance.now();
  #source: Source | undefined;
  #ready = false;
  #stopping = false;

  /** @param manager undefined when nobody wants to be told */
  constructor(manager: ServiceManager | undefined) {
    this.#manager = manager;
  }

  /** Begins to tell, before there is anything to ask. */
  begin(): void {
    if (this.#manager !== undefined) void this.#tell(this.#manager);
  }

  /** Asks the supervisor from now on. */
  follow(source: Source): void {
    this.#source = source;
  }

  stopping(): void {
    if (this.#stopping) return;
    this.#stopping = true;
    this.#manager?.notify({ STOPPING: 1, STATUS: "Stopping" });
  }

  async #tell(manager: ServiceManager): Promise<void> {
    for (;;) {
      const overview = await look(this.#source);
      if (this.#stopping) return;
      // A part that cannot run is told as a problem; it is no reason to end those that do.
      const isReady = this.#ready || overview?.phase === "running";
      const isTold = manager.notify({
        STATUS: statusText(overview, this.#ready),
        ...(isReady && !this.#ready ? { READY: 1 } : {}),
        ...(isReady || performance.now() - this.#began > START_MS_MAX
          ? {}
          : { EXTEND_TIMEOUT_USEC: MORE_TIME_US }),
        ...(overview !== undefined && manager.watchdogMs !== undefined ? { WATCHDOG: 1 } : {}),
      });
      if (isTold) this.#ready = isReady;
      await Bun.sleep(this.#pauseMs(manager, isTold && overview !== undefined));
    }
  }

  #pauseMs({ watchdogMs = LOOK_MS }: ServiceManager, isWell: boolean): number {
    if (!this.#ready) return START_LOOK_MS;
    return Math.min(isWell ? LOOK_MS : LOOK_AGAIN_MS, watchdogMs / 2);
  }
}
