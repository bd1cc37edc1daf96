/** A control group for each process with limits: made before its start, emptied and removed after its end. */
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { type ControlGroup, controlGroupsOf, whyNotDivisible } from "../../lib/cgroup.ts";
import { messageOf } from "../../lib/errors.ts";
import { sendSignal } from "../../lib/proc.ts";

/** null: as much as there is. */
export interface ProcessLimits {
  memory_bytes: number | null;
  /** Threads count. */
  pids: number | null;
}

const CONTROLLERS = ["memory", "pids"] as const;
type Controller = (typeof CONTROLLERS)[number];

const LIMIT_OF: Record<Controller, keyof ProcessLimits> = { memory: "memory_bytes", pids: "pids" };

/** The file that holds a limit, by the version of the tree. */
const LIMIT_FILE: Record<Controller, Record<1 | 2, string>> = {
  memory: { 1: "memory.limit_in_bytes", 2: "memory.max" },
  pids: { 1: "pids.max", 2: "pids.max" },
};

/** Where groups are made, and what they limit. */
export interface GroupSite {
  version: 1 | 2;
  folder: string;
  controllers: readonly Controller[];
}

/** What cannot be limited here, and why. */
export interface Refusal {
  controller: Controller;
  why: string;
}

export interface Sites {
  sites: readonly GroupSite[];
  refusals: readonly Refusal[];
}

/** In version 2 a group with processes of its own cannot limit others: Luna's own go one level down, in here. */
const OWN = "own";
const PREFIX = "luna-";

/** The group that limits `controller`, version 2 before version 1. */
function groupWith(groups: readonly ControlGroup[], controller: Controller) {
  const fitting = groups.filter(({ controllers }) => controllers.includes(controller));
  return fitting.find(({ version }) => version === 2) ?? fitting[0];
}

/** Luna's own processes may be one level down already. */
function outOfOwn(group: ControlGroup): ControlGroup {
  const name = basename(group.folder);
  if (group.version === 1 || !name.startsWith(PREFIX) || !name.endsWith(`.${OWN}`)) return group;
  const folder = dirname(group.folder);
  // Only the topmost group lacks this file: https://docs.kernel.org/admin-guide/cgroup-v2.html
  return { ...group, folder, is_top: !existsSync(join(folder, "cgroup.type")) };
}

/** Where the process `pid` may make groups. Looks, and changes nothing. */
export function findSites(pid: number | "self", groups = controlGroupsOf(pid)): Sites {
  const refusals: Refusal[] = [];
  const sites = new Map<string, { version: 1 | 2; folder: string; controllers: Controller[] }>();
  for (const controller of CONTROLLERS) {
    const group = groupWith(groups.map(outOfOwn), controller);
    const why = group === undefined ? "the kernel offers none" : whyNotDivisible(group);
    if (group === undefined || why !== undefined) {
      refusals.push({ controller, why: why ?? "" });
      continue;
    }
    const { version, folder } = group;
    const site = sites.get(folder) ?? { version, folder, controllers: [] };
    site.controllers.push(controller);
    sites.set(folder, site);
  }
  return { sites: [...sites.values()], refusals };
}

/** The pids in a group; none when it is gone. */
function membersOf(folder: string): number[] {
  try {
    const text = readFileSync(join(folder, "cgroup.procs"), "latin1");
    return text.split("\n").filter(Boolean).map(Number);
  } catch {
    return [];
  }
}

/**
 * Prepares a site of version 2: moves our own processes down and turns the controllers on for the groups to come.
 * @throws when others' processes are in the group, which are not ours to move
 */
function prepare(site: GroupSite, options: { prefix: string; isOurs(pid: number): boolean }): void {
  if (site.version === 1) return;
  const isTop = !existsSync(join(site.folder, "cgroup.type"));
  if (!isTop) {
    const own = join(site.folder, options.prefix + OWN);
    mkdirSync(own, { recursive: true });
    for (const pid of membersOf(site.folder)) {
      if (options.isOurs(pid)) writeFileSync(join(own, "cgroup.procs"), String(pid));
    }
  }
  const wanted = site.controllers.map((name) => `+${name}`).join(" ");
  writeFileSync(join(site.folder, "cgroup.subtree_control"), wanted);
}

export interface ProcessGroup {
  /**
   * Makes the group with these limits, and calls `spawn` so that the process it starts is in the group from the first.
   * `spawn` gets the folder that the kernel is to start it in, in version 2.
   */
  start<Started>(limits: ProcessLimits, spawn: (folder?: string) => Started): Started;
  /** Ends whatever is left in it, and removes it. */
  close(): Promise<void>;
}

const REMOVE_POLL_MS = 10;
const REMOVE_ATTEMPTS = 200;

interface GroupsOptions extends Sites {
  /** Tells the groups of this home from others'. */
  home: string;
  /** Whether a process is Luna's own, which may be moved. */
  isOurs(pid: number): boolean;
}

export class ProcessGroups {
  readonly #prefix: string;
  readonly #sites: readonly GroupSite[];
  /** What cannot be limited here, and why. */
  readonly refusals: readonly Refusal[];
  /** What is closing and must not be opened under its feet, by name: how often it was opened. */
  readonly #opened = new Map<string, number>();
  readonly #closing = new Set<Promise<void>>();

  constructor({ home, isOurs, sites, refusals }: GroupsOptions) {
    this.#prefix = `${PREFIX}${home}.`;
    const refused = [...refusals];
    this.#sites = sites.filter((site) => {
      try {
        prepare(site, { prefix: this.#prefix, isOurs });
        return true;
      } catch (error) {
        const why = `"${site.folder}" cannot be divided: ${messageOf(error)}`;
        refused.push(...site.controllers.map((controller) => ({ controller, why })));
        return false;
      }
    });
    this.refusals = refused;
  }

  of(name: string): ProcessGroup {
    const folders = this.#sites.map((site) => ({
      ...site,
      folder: join(site.folder, this.#prefix + name),
    }));
    return {
      start: (limits, spawn) => {
        this.#opened.set(name, this.#timesOpened(name) + 1);
        const open = folders.filter((site) => openIn(site, limits));
        try {
          for (const { version, folder } of open) if (version === 1) moveThread(folder);
          return spawn(open.find(({ version }) => version === 2)?.folder);
        } finally {
          for (const { version, folder } of this.#sites) if (version === 1) moveThread(folder);
        }
      },
      close: () => {
        const times = this.#timesOpened(name);
        const isDue = (): boolean => this.#timesOpened(name) === times;
        const closing = Promise.all(folders.map(({ folder }) => remove(folder, isDue)))
          .then(() => undefined)
          .finally(() => this.#closing.delete(closing));
        this.#closing.add(closing);
        return closing;
      },
    };
  }

  /** Removes the empty groups that this home left; what runs in one keeps it. */
  async clear(): Promise<void> {
    await Promise.all(this.#closing);
    for (const folder of foldersOf(this.#prefix, this.#sites)) removeNow(folder);
  }

  #timesOpened(name: string): number {
    return this.#opened.get(name) ?? 0;
  }
}

function foldersOf(prefix: string, sites: readonly GroupSite[]): string[] {
  return sites.flatMap(({ folder }) =>
    readdirSync(folder)
      .filter((name) => name.startsWith(prefix) && name !== prefix + OWN)
      .map((name) => join(folder, name)),
  );
}

/** Ends whatever runs in a group of this home, and removes them all. */
export async function endGroups(home: string, sites: readonly GroupSite[]): Promise<void> {
  const folders = foldersOf(`${PREFIX}${home}.`, sites);
  await Promise.all(folders.map((folder) => remove(folder, () => true)));
}

/** false when there is nothing to limit in this tree. */
function openIn(site: GroupSite, limits: ProcessLimits): boolean {
  const wanted = site.controllers.flatMap((controller) => {
    const limit = limits[LIMIT_OF[controller]];
    return limit === null ? [] : [[LIMIT_FILE[controller][site.version], String(limit)] as const];
  });
  if (wanted.length === 0) return false;
  mkdirSync(site.folder, { recursive: true });
  for (const [file, limit] of wanted) writeFileSync(join(site.folder, file), limit);
  return true;
}

/** Whether it is gone. */
function removeNow(folder: string): boolean {
  try {
    rmdirSync(folder);
    return true;
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "ENOENT";
  }
}

/** The next start of the same process may come at once: it finds the group empty, and need not make it again. */
async function remove(folder: string, isDue: () => boolean): Promise<void> {
  if (!existsSync(folder)) return;
  for (let attempt = 0; attempt < REMOVE_ATTEMPTS && isDue(); attempt += 1) {
    endAllIn(folder);
    await Bun.sleep(REMOVE_POLL_MS);
    if (isDue() && removeNow(folder)) return;
  }
}

/** Nothing gets into the group but what the process in it started. */
function endAllIn(folder: string): void {
  const members = membersOf(folder).filter((pid) => pid !== process.pid);
  if (members.length === 0) return;
  const kill = join(folder, "cgroup.kill");
  if (existsSync(kill)) writeFileSync(kill, "1");
  else for (const pid of members) sendSignal(pid, "SIGKILL");
}

/**
 * Puts the thread that runs this into a group of version 1, where what it starts then begins its life.
 * To move the started process instead would take the kernel some 10 ms, for it has to hold up every other one's forks;
 * a thread that moves itself is let through at once (cgroup_procs_write_start in the kernel's cgroup.c, "0" is oneself).
 */
function moveThread(folder: string): void {
  writeFileSync(join(folder, "tasks"), "0");
}
