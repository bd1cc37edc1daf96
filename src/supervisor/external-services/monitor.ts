/** Looks at installed services again and again, and starts what fails (specification 4.2, step 8). */
import type { RegistryEntry } from "../../contract/external-service.ts";
import {
  decide,
  type Look,
  statusOf,
  UNWATCHED,
  type Watch,
} from "../../external-services/health.ts";
import { messageOf } from "../../lib/errors.ts";
import { untilNextStep } from "../../lib/in-step.ts";
import { type InstalledService, type Parts, requireInstalled } from "./parts.ts";
import type { RunningServices } from "./running.ts";

/** More at once would make each of them slower. */
const LOOKS_MAX = 4;
const CROWDED_MS = 100;
/** A file is written this often at most when nothing but the time of the last look has changed. */
const WRITE_PERIOD_MS = 5 * 60_000;

/** What the last look found, for whoever asks. */
export interface Sight {
  watch: Watch;
  look: Look | undefined;
  /** ISO 8601 */
  checked_at: string;
}

interface MonitorOptions {
  parts: Pick<Parts, "registry" | "log"> & Parts;
  running: Pick<RunningServices, "look" | "restart">;
  /** Between two looks at a service that is well. */
  periodMs(): number;
  /** Monotonic. */
  clock(): number;
  isBusy(name: string): boolean;
  /** Starts it again, unless somebody is at it. */
  startAgain(name: string): Promise<void>;
  onChange(): void;
}

export class Monitor {
  readonly #options: MonitorOptions;
  readonly #timers = new Map<string, Timer>();
  readonly #sights = new Map<string, Sight>();
  /** Those of which something is known since this process began. */
  readonly #known = new Set<string>();
  readonly #written = new Map<string, number>();
  #looks = 0;
  #isOn = false;

  constructor(options: MonitorOptions) {
    this.#options = options;
  }

  /** Looks at these, unless it does already. */
  start(names: readonly string[]): void {
    this.#isOn = true;
    for (const name of names) if (!this.#timers.has(name)) this.#plan(name, 0);
  }

  stop(): void {
    this.#isOn = false;
    for (const timer of this.#timers.values()) clearTimeout(timer);
    this.#timers.clear();
  }

  sightOf(name: string): Sight | undefined {
    return this.#sights.get(name);
  }

  /** Whether what the registry says of it was found by this process, and not before it. */
  knows(name: string): boolean {
    return this.#known.has(name);
  }

  /** Somebody did something with it: what was before counts no more. */
  renew(name: string): void {
    this.#known.add(name);
    this.#sights.delete(name);
    if (this.#isOn) this.#plan(name, 0);
  }

  forget(name: string): void {
    clearTimeout(this.#timers.get(name));
    this.#timers.delete(name);
    this.#sights.delete(name);
    this.#known.delete(name);
    this.#written.delete(name);
  }

  #plan(name: string, afterMs: number): void {
    if (!this.#isOn) return;
    const periodMs = this.#options.periodMs();
    const delayMs = afterMs === periodMs ? untilNextStep(periodMs) : afterMs;
    clearTimeout(this.#timers.get(name));
    this.#timers.set(
      name,
      setTimeout(() => void this.#turn(name), delayMs),
    );
  }

  async #turn(name: string): Promise<void> {
    if (this.#looks >= LOOKS_MAX) return this.#plan(name, CROWDED_MS);
    this.#looks += 1;
    let nextMs = this.#options.periodMs();
    try {
      nextMs = await this.#lookAt(name);
    } catch (error) {
      // Not installed any more, or of a definition that is broken, which is told as a problem.
      this.#options.parts.log.debug(messageOf(error));
    } finally {
      this.#looks -= 1;
    }
    if (this.#options.parts.registry.last[name] !== undefined) this.#plan(name, nextMs);
  }

  /** @returns when to look again, in ms */
  async #lookAt(name: string): Promise<number> {
    const { parts, running, periodMs, clock, isBusy } = this.#options;
    if (isBusy(name)) return periodMs();
    const service = await requireInstalled(parts, name, "look at");
    const look = await running.look(service);
    // What was seen while somebody starts or stops it says nothing.
    if (isBusy(name)) return periodMs();
    if (look === undefined) {
      this.#known.add(name);
      return periodMs();
    }
    const entry = (await parts.registry.read())[name];
    if (entry === undefined) return periodMs();
    const before = this.#sights.get(name)?.watch ?? UNWATCHED;
    const wanted = {
      should_run: entry.should_run,
      restart_on_failure: service.definition.restart_on_failure,
    };
    const moment = { now: clock(), random: Math.random(), period_ms: periodMs() };
    const { watch, start, next_look_ms } = decide(before, look, wanted, moment);
    await this.#note(service, { entry, look, watch });
    if (start) await this.#options.startAgain(name);
    return next_look_ms;
  }

  async #note(
    { name }: InstalledService,
    seen: { entry: RegistryEntry; look: Look; watch: Watch },
  ): Promise<void> {
    const { parts, clock, onChange } = this.#options;
    const { entry, look, watch } = seen;
    const status = statusOf(look, entry.should_run);
    const checked_at = new Date().toISOString();
    const hasChanged = status !== entry.status;
    const before = this.#sights.get(name);
    this.#sights.set(name, { watch, look, checked_at });
    const written = this.#written.get(name);
    if (hasChanged || written === undefined || clock() - written >= WRITE_PERIOD_MS) {
      this.#written.set(name, clock());
      await parts.registry.update(name, (current) =>
        current === undefined ? undefined : { ...current, status, last_health_check: checked_at },
      );
    }
    this.#known.add(name);
    const isOther = before?.look?.kind !== look.kind || before.watch.given_up !== watch.given_up;
    if (!hasChanged && !isOther) return;
    if (before !== undefined || hasChanged) {
      const why = "why" in look ? `: ${look.why}` : "";
      parts.commands.note(name, `It is ${status}${why}`);
    }
    onChange();
  }
}
