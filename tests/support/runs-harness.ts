/** Runs over a temporary home with extensions that nothing executes: for what happens to files and configuration. */

import { createHash } from "node:crypto";
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { MasterConfigStore } from "../../src/config/master-config.ts";
import { type Paths, pathsOf } from "../../src/config/paths.ts";
import type { AuditRecord } from "../../src/contract/audit.ts";
import type { RunView } from "../../src/contract/run.ts";
import { UnavailableError } from "../../src/lib/errors.ts";
import { createLogger } from "../../src/lib/log.ts";
import type { LiveExtensions, Wellness } from "../../src/updates/parts.ts";
import { QueueStore } from "../../src/updates/queue-store.ts";
import type { RunParts } from "../../src/updates/run.ts";
import { Runs } from "../../src/updates/runs.ts";

export const OWNER = { actor: { kind: "owner", name: "ada" }, address: "127.0.0.1" } as const;

/** Writes files by their path in `folder`. */
export async function writeTree(folder: string, files: Record<string, string>): Promise<void> {
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), text);
  }
}

/** The names and contents of all files below `folder`, as one hash; "absent" when it is not there. */
export async function hashOf(folder: string, without: readonly string[] = []): Promise<string> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => null);
  if (entries === null) return "absent";
  const hash = createHash("sha256");
  const files = entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .filter((path) => !without.some((one) => path === one || path.startsWith(`${one}/`)));
  for (const path of files.sort()) {
    hash.update(`${path}\0`).update(await readFile(join(folder, path)));
  }
  return hash.digest("hex");
}

/** What runs, as far as these tests look: which were held, and whether a version is well. */
class FakeLive implements LiveExtensions {
  readonly held = new Set<string>();
  readonly calls: string[] = [];
  wellness: (extension: string) => Wellness = () => ({ well: true, warnings: [] });

  async hold(extension: string): Promise<void> {
    this.held.add(extension);
    this.calls.push(`hold ${extension}`);
  }

  release(extension: string): void {
    this.held.delete(extension);
  }

  async sync(): Promise<void> {
    this.calls.push("sync");
  }

  async untilWell(extension: string): Promise<Wellness> {
    return this.wellness(extension);
  }

  async forget(extension: string): Promise<void> {
    this.calls.push(`forget ${extension}`);
  }
}

export interface RunsHome {
  home: string;
  paths: Paths;
  live: FakeLive;
  queue: QueueStore;
  config: MasterConfigStore;
  audit: AuditRecord[];
  views: RunView[];
  /** Another supervisor's, over the same files; `onChange` is told what `views` has. */
  runs(parts?: Partial<RunParts>, onChange?: (view: RunView) => void): Runs;
  /** The files that `source: "folder:<name>"` gives. */
  source(name: string, files: Record<string, string>): Promise<void>;
  remove(): Promise<void>;
}

/** @param within the folder to make it in */
export async function makeRunsHome(within = tmpdir()): Promise<RunsHome> {
  const home = await mkdtemp(join(within, "luna-runs-"));
  const paths = pathsOf(home);
  await mkdir(paths.extensions, { recursive: true });
  await mkdir(paths.luna, { recursive: true });
  const live = new FakeLive();
  const queue = new QueueStore(paths);
  const config = new MasterConfigStore(paths.masterConfig);
  const audit: AuditRecord[] = [];
  const views: RunView[] = [];
  const log = createLogger("test", [], () => undefined);
  const sources = join(home, "sources");
  const fetch: RunParts["fetch"] = async (source, { into }) => {
    const [kind, name = ""] = source.split(":");
    if (kind !== "folder") throw new UnavailableError(`Cannot get "${source}": 404`);
    await cp(join(sources, name), into, { recursive: true });
    return { source, resolved: `sha256:${name}`, bytes: 1, files: 1 };
  };
  const runs: RunsHome["runs"] = (parts = {}, onChange = () => undefined) => {
    const made = new Runs({
      ...{ paths, queue: new QueueStore(paths), log },
      audit: { record: (record) => audit.push(record) },
      onChange: (view) => {
        views.push(view);
        onChange(view);
      },
      parts: {
        ...{ paths, config: new MasterConfigStore(paths.masterConfig), fetch, live, log },
        installPackages: async () => ({ installed: [], problems: [] }),
        installService: async () => undefined,
        updateCore: async () => {
          throw new UnavailableError("Cannot update Luna: it runs from a checkout");
        },
        graceMs: () => 1_000,
        ...parts,
      },
    });
    // As a supervisor does that found nothing to go on with.
    void made.resume();
    return made;
  };
  return {
    ...{ home, paths, live, queue, config, audit, views, runs },
    source: (name, files) => writeTree(join(sources, name), files),
    remove: () => rm(home, { recursive: true, force: true }),
  };
}

/** Applies operations, and waits for the end. */
export async function applyAll(
  runs: Runs,
  operations: Parameters<Runs["apply"]>[0],
): Promise<RunView> {
  const id = await runs.apply(operations, OWNER);
  await runs.settled();
  return runs.view(id);
}
