/** Looks after the size of all logs, for as long as the supervisor runs. */
import { existsSync, statSync } from "node:fs";
import type { LogSettings } from "../contract/config.ts";
import { messageOf } from "../lib/errors.ts";
import { SHRINKER, type Shrinker } from "../lib/fallocate.ts";
import { removeTemporaries } from "../lib/files.ts";
import { repeatInStep } from "../lib/in-step.ts";
import type { Logger } from "../lib/log.ts";
import { logNames, placeOf } from "./place.ts";
import { isDue, rotate } from "./rotation.ts";

/** A look costs one stat for each log. */
const PERIOD_MS = 1_000;

interface RotatorOptions {
  folders: readonly string[];
  settings(): LogSettings;
  log: Logger;
  shrinker?: Shrinker;
}

export class LogRotator {
  readonly #options: RotatorOptions;
  #end: (() => void) | undefined;
  #round: Promise<void> | undefined;
  /** The logs that cannot be rotated, and why: told once each. */
  readonly #failures = new Map<string, string>();
  /** The logs in which an earlier supervisor may have left a rotation half done. */
  readonly #looked = new Set<string>();

  constructor(options: RotatorOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    for (const folder of this.#options.folders) {
      for (const one of [folder, placeOf(folder, "").journalFolder]) {
        if (existsSync(one)) await removeTemporaries(one);
      }
    }
    this.#end = repeatInStep(() => void this.look(), PERIOD_MS);
  }

  /** Settles when a rotation that is under way is done. */
  async stop(): Promise<void> {
    this.#end?.();
    await this.#round;
  }

  /** Rotates what is due; while an earlier look is still at it, that one goes on. */
  look(): Promise<void> {
    this.#round ??= this.#lookAtAll().finally(() => {
      this.#round = undefined;
    });
    return this.#round;
  }

  async #lookAtAll(): Promise<void> {
    for (const folder of this.#options.folders) {
      try {
        for (const name of logNames(folder)) await this.#lookAt(folder, name);
        this.#failures.delete(folder);
      } catch (error) {
        this.#failed(folder, `Cannot look after the logs in "${folder}"`, error);
      }
    }
  }

  #failed(where: string, what: string, error: unknown): void {
    const why = messageOf(error);
    if (this.#failures.get(where) === why) return;
    this.#failures.set(where, why);
    this.#options.log.warn(`${what}: ${why}; they grow until that is mended`);
  }

  async #lookAt(folder: string, name: string): Promise<void> {
    const { settings, shrinker = SHRINKER } = this.#options;
    const place = placeOf(folder, name);
    const size = statSync(place.current, { throwIfNoEntry: false })?.size ?? 0;
    const isNew = !this.#looked.has(place.current);
    if (!isNew && size < settings().file_bytes_max) return;
    this.#looked.add(place.current);
    try {
      if (isDue({ place, settings: settings() })) {
        await rotate({ place, settings: settings(), shrinker });
      }
      this.#failures.delete(place.current);
    } catch (error) {
      this.#failed(place.current, `Cannot rotate "${place.current}"`, error);
    }
  }
}
