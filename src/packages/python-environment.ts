/** Python environments, each made once for its list of packages and shared by whatever asks for the same. */
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { copyFile, mkdir, readdir, rename, rm, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { InvalidInputError } from "../lib/errors.ts";
import { writeJsonAtomic } from "../lib/files.ts";
import type { Python } from "../python/find-python.ts";
import { runInstall } from "./command.ts";
import type { InstallContext } from "./install-context.ts";
import type { Requirements } from "./requirements.ts";

/** Written last: an environment without it was never finished. */
const COMPLETE_FILE = "luna-environment.json";
const KEY_LENGTH = 32;
/** Far more than for npm: a single package for numbers or models has hundreds of megabytes. */
const SIZE_FACTOR = 4;

interface EnvironmentOptions {
  python: Python;
  /** `uv`, when it is on the path: the same in a fraction of the time. */
  uv: string | undefined;
  requirements: Requirements;
  /** Where environments are. They hold their own path, so they are made where they stay. */
  environments: string;
  /** What is told in errors, such as `requirements.txt`. */
  what: string;
  context: InstallContext;
}

/** The same packages for the same Python are the same environment. */
function environmentKey(python: Python, requirements: Requirements): string {
  const { lines, constraints } = requirements;
  const text = JSON.stringify([
    python.executable,
    python.version,
    python.build,
    lines,
    constraints,
  ]);
  return createHash("sha256").update(text).digest("hex").slice(0, KEY_LENGTH);
}

class Making {
  readonly #options: EnvironmentOptions;
  readonly #path: string;

  constructor(options: EnvironmentOptions, path: string) {
    this.#options = options;
    this.#path = path;
  }

  async run(...command: string[]): Promise<void> {
    const { context, what } = this.#options;
    const { bounds, cache, log, signal } = context;
    await runInstall({
      what,
      command,
      cwd: this.#path,
      env: {
        ...context.env,
        PIP_CACHE_DIR: join(cache, "pip"),
        PIP_DISABLE_PIP_VERSION_CHECK: "1",
        PIP_NO_INPUT: "1",
        UV_CACHE_DIR: join(cache, "uv"),
        // Links into the cache would let one extension change what the next one gets.
        UV_LINK_MODE: "copy",
        UV_NO_CONFIG: "1",
        UV_NO_PROGRESS: "1",
        UV_PYTHON_DOWNLOADS: "never",
      },
      mark: context.mark(),
      timeoutMs: bounds.timeoutMs,
      bounds: {
        folders: [this.#path],
        bytesMax: bounds.bytesMax * SIZE_FACTOR,
        filesMax: bounds.filesMax,
      },
      log,
      signal,
    });
  }

  async lists(): Promise<string[]> {
    const { lines, constraints } = this.#options.requirements;
    const list = join(this.#path, "requirements.txt");
    await writeFile(list, `${lines.join("\n")}\n`);
    if (constraints.length === 0) return ["-r", list];
    const limits = join(this.#path, "constraints.txt");
    await writeFile(limits, `${constraints.join("\n")}\n`);
    return ["-r", list, "-c", limits];
  }

  async withUv(uv: string): Promise<void> {
    const { python, context } = this.#options;
    await this.run(
      uv,
      "venv",
      "--no-project",
      "--allow-existing",
      "--python",
      python.executable,
      ".",
    );
    await this.run(
      ...[uv, "pip", "install", "--python", join(this.#path, "bin/python"), "--compile-bytecode"],
      ...(context.offline ? ["--offline"] : []),
      ...(context.trusted ? [] : ["--only-binary", ":all:"]),
      ...(await this.lists()),
    );
  }

  /** Gathers the packages first, so that they are there for the next time without a network. */
  async withPip(): Promise<void> {
    const { python, context } = this.#options;
    const { cache, offline, trusted } = context;
    const house = join(cache, "wheels");
    const gathered = join(this.#path, "wheels");
    await mkdir(house, { recursive: true });
    await mkdir(gathered);
    await this.run(python.executable, "-m", "venv", ".");
    const lists = await this.lists();
    const pip = [join(this.#path, "bin/python"), "-m", "pip"];
    await this.run(
      ...[...pip, "wheel", "--progress-bar", "off", "--wheel-dir", gathered],
      ...(offline ? ["--no-index", "--find-links", house] : []),
      ...(trusted ? [] : ["--only-binary", ":all:"]),
      ...lists,
    );
    await this.run(
      ...[...pip, "install", "--progress-bar", "off", "--no-index", "--find-links", gathered],
      ...lists,
    );
    for (const wheel of await readdir(gathered)) {
      const kept = join(house, wheel);
      if (existsSync(kept)) continue;
      // The cache may lie on another disk; a half copy must not be found under its name.
      await copyFile(join(gathered, wheel), `${kept}.tmp`);
      await rename(`${kept}.tmp`, kept);
    }
    await rm(gathered, { recursive: true });
  }
}

async function makeEnvironment(options: EnvironmentOptions, path: string): Promise<void> {
  const { context, python, requirements, uv, what } = options;
  context.log(`Making a Python environment for ${what}: ${requirements.lines.join(", ")}`);
  await rm(path, { recursive: true, force: true });
  await mkdir(path, { recursive: true, mode: 0o700 });
  const making = new Making(options, path);
  try {
    await (uv === undefined ? making.withPip() : making.withUv(uv));
    await writeJsonAtomic(join(path, COMPLETE_FILE), {
      python: { executable: python.executable, version: python.version.join(".") },
      ...requirements,
    });
  } catch (error) {
    await rm(path, { recursive: true, force: true });
    throw error;
  }
}

/** Those being made: two extensions may ask for the same at once. */
const underWay = new Map<string, Promise<void>>();

/** @returns the environment's folder, which stays where it is */
export async function ensureEnvironment(options: EnvironmentOptions): Promise<string> {
  const { python, requirements, environments } = options;
  if (requirements.lines.length === 0) {
    throw new InvalidInputError("Cannot make a Python environment: no package is asked for");
  }
  const path = join(environments, environmentKey(python, requirements));
  await underWay.get(path)?.catch(() => undefined); // Its own caller is told.
  const complete = join(path, COMPLETE_FILE);
  if (existsSync(complete)) {
    // In use from now on, however old it is.
    const now = new Date();
    await utimes(complete, now, now);
    return path;
  }
  const making = makeEnvironment(options, path);
  underWay.set(path, making);
  try {
    await making;
  } finally {
    underWay.delete(path);
  }
  return path;
}

/**
 * Removes environments that none of `inUse` is and that were not asked for since `olderThan`,
 * and those that were never finished.
 * @returns how many
 */
export async function removeUnusedEnvironments(
  environments: string,
  { inUse, olderThan }: { inUse: ReadonlySet<string>; olderThan: number },
): Promise<number> {
  if (!existsSync(environments)) return 0;
  let removed = 0;
  for (const name of await readdir(environments)) {
    const path = join(environments, name);
    if (inUse.has(path) || underWay.has(path)) continue;
    const complete = Bun.file(join(path, COMPLETE_FILE));
    if ((await complete.exists()) && complete.lastModified > olderThan) continue;
    await rm(path, { recursive: true, force: true });
    removed += 1;
  }
  return removed;
}
