/** Brings another version of Luna's own program into place: fetched, checked, proved, swapped, and told how it ended. */
import { rm, statfs } from "node:fs/promises";
import { dirname } from "node:path";
import { setTimeout } from "node:timers/promises";
import type { CoreUpdateFile, CoreUpdates } from "../contract/core-update.ts";
import { downloadFile } from "../lib/download.ts";
import { ConflictError, LunaError, messageOf, UnavailableError } from "../lib/errors.ts";
import { readCoreUpdate, writeCoreUpdate } from "./core-update-file.ts";
import { nextOf, proveProgram, replaceRefusal, restoreProgram, swapProgram } from "./program.ts";
import { checksumOf, findRelease, type Release } from "./release.ts";

/** The program has about 130 MB. */
const PROGRAM_BYTES_MAX = 512 * 1024 * 1024;
const POLL_MS = 200;
const DOWNLOAD_TIMEOUT_MS = 15 * 60_000;
/** The new program, and what else may be written meanwhile. */
const FREE_BYTES_MIN = 600 * 1024 * 1024;

/** Why a change did not come about that was cut off before the new program had its place. */
export const NEVER_IN_PLACE = "Luna ended before it was in place";

export interface CoreUpdateOptions {
  /** `.luna/core_update.json` */
  file: string;
  /** The program's path; undefined when Luna runs from a checkout. */
  program: string | undefined;
  version: string;
  /** Where releases are; `repository` is null while nobody has said it. */
  source(): Promise<{ apiUrl: string; repository: string | null }>;
  /** The clean environment that the new program is proved in. */
  environment: Readonly<Record<string, string>>;
  platform: string;
  arch: string;
}

interface Preparation {
  signal?: AbortSignal | undefined;
  onProgress?: ((bytes: number) => void) | undefined;
}

export class CoreUpdate {
  readonly #options: CoreUpdateOptions;

  constructor(options: CoreUpdateOptions) {
    this.#options = options;
  }

  /** The newest release beside what runs. Never throws for what a person can mend: that is its `refusal`. */
  async check(signal?: AbortSignal): Promise<CoreUpdates> {
    const { version } = this.#options;
    const current = { version };
    try {
      const { repository } = await this.#options.source();
      if (repository === null) throw new ConflictError(NO_SOURCE);
      const release = await this.#find("latest", signal);
      const { published_at, notes } = release;
      return {
        update_available: Bun.semver.order(release.version, version) > 0,
        ...{ current, remote: { version: release.version, published_at, notes } },
        refusal: (await this.#refusal()) ?? null,
      };
    } catch (error) {
      if (!(error instanceof LunaError)) throw error;
      return { update_available: false, current, remote: null, refusal: error.message };
    }
  }

  /**
   * Fetches the program of `target` beside the running one, checks and proves it.
   * Nothing that runs is touched, and nothing is left when it fails.
   * @param target `latest` or a version
   * @throws LunaError in words
   */
  async prepare(target: string, { signal, onProgress }: Preparation = {}) {
    const program = this.#program();
    const refusal = await this.#refusal();
    if (refusal !== undefined) throw new ConflictError(refusal);
    const release = await this.#find(target, signal);
    const { version } = release;
    if (version === this.#options.version) {
      throw new ConflictError(`Cannot update Luna to ${version}: that is what runs already`);
    }
    const next = nextOf(program);
    await rm(next, { force: true });
    try {
      const expected = await checksumOf(release, signal);
      const actual = await this.#download(release, next, { signal, onProgress });
      if (actual !== expected) {
        throw new UnavailableError(
          `Cannot use Luna ${version}: the checksum of ${release.asset} is not the release's`,
        );
      }
      await proveProgram(next, version, this.#options.environment);
    } catch (error) {
      await rm(next, { force: true });
      throw error;
    }
    return { from: this.#options.version, to: version };
  }

  /**
   * Puts the prepared program in place. It counts as tried from now on, and Luna has to start again.
   * @param run the run that this belongs to
   */
  async swap({ from, to, run }: { from: string; to: string; run: string | null }): Promise<void> {
    const at = new Date().toISOString();
    // First: whoever finds the new program in place knows that it is on trial.
    await this.#write({ state: "trying", from, to, run, at, starts: 0, reason: null });
    try {
      await swapProgram(this.#program());
    } catch (error) {
      await this.rollBack(`it could not be put in place: ${messageOf(error)}`);
      throw new UnavailableError(`Cannot put Luna ${to} in place: ${messageOf(error)}`, {
        cause: error,
      });
    }
  }

  /** A bootstrap of the new program begins. */
  async countStart(): Promise<void> {
    const update = await this.read();
    if (update?.state === "trying") await this.#write({ ...update, starts: update.starts + 1 });
  }

  /** The new program works here. */
  async keep(): Promise<void> {
    const update = await this.read();
    if (update?.state === "trying") await this.#write({ ...update, state: "done" });
  }

  /** Puts the program from before back; it has to be started. Safe to do again. */
  async rollBack(reason: string): Promise<void> {
    const update = await this.read();
    if (update?.state !== "trying") return;
    await restoreProgram(this.#program());
    await rm(nextOf(this.#program()), { force: true });
    await this.#write({ ...update, state: "rolled_back", reason });
  }

  /**
   * How the change that a run made ended, undefined when it made none.
   * Waits as long as the new program is on trial, which its bootstrap bounds.
   */
  async outcome(run: string, signal: AbortSignal): Promise<CoreUpdateFile | undefined> {
    for (;;) {
      const update = await this.read();
      if (update?.run !== run) return undefined;
      if (update.state !== "trying") return update;
      if (update.to !== this.#options.version) {
        // Whoever asks runs the program that is in place: the other one never was.
        await this.rollBack(NEVER_IN_PLACE);
        continue;
      }
      await setTimeout(POLL_MS, undefined, { signal });
    }
  }

  /** The newest change of the program. */
  read(): Promise<CoreUpdateFile | undefined> {
    return readCoreUpdate(this.#options.file);
  }

  #write(update: CoreUpdateFile): Promise<void> {
    return writeCoreUpdate(this.#options.file, update);
  }

  #program(): string {
    const { program } = this.#options;
    if (program === undefined) throw new ConflictError(FROM_CHECKOUT);
    return program;
  }

  async #refusal(): Promise<string | undefined> {
    const { program } = this.#options;
    if (program === undefined) return FROM_CHECKOUT;
    const refused = await replaceRefusal(program);
    if (refused !== undefined) {
      return `Cannot update Luna: ${refused}; run Luna from a folder of its own user, or update it as you installed it`;
    }
    const { bavail, bsize } = await statfs(dirname(program));
    if (bavail * bsize >= FREE_BYTES_MIN) return undefined;
    return `Cannot update Luna: "${dirname(program)}" has less than ${FREE_BYTES_MIN / 1024 ** 2} MB free; make room`;
  }

  async #find(version: string, signal: AbortSignal | undefined): Promise<Release> {
    const { apiUrl, repository } = await this.#options.source();
    if (repository === null) throw new ConflictError(NO_SOURCE);
    const { platform, arch } = this.#options;
    return findRelease({ apiUrl, repository, version, platform, arch, signal });
  }

  async #download(
    { url, version }: Release,
    path: string,
    { signal, onProgress }: Preparation,
  ): Promise<string> {
    try {
      return await downloadFile(url, path, {
        algorithm: "sha256",
        bytesMax: PROGRAM_BYTES_MAX,
        timeoutMs: DOWNLOAD_TIMEOUT_MS,
        ...{ signal, onProgress },
      });
    } catch (cause) {
      throw new UnavailableError(`Cannot fetch Luna ${version}: ${messageOf(cause)}`, { cause });
    }
  }
}

const FROM_CHECKOUT =
  "Cannot update Luna: it runs from a checkout; update that with git pull, then start it again";
const NO_SOURCE =
  'Cannot look for releases of Luna: set "updates.core_repository" in master_config.json to the GitHub repository that has them';
