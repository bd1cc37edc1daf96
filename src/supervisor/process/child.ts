/** A running process, spawned by this supervisor or by one before it, and how it ends. */
import { closeSync } from "node:fs";
import { MARK_VARIABLE } from "../../config/mark.ts";
import {
  allProcesses,
  childrenOf,
  descendantsOf,
  findByVariable,
  isSameProcess,
  type ProcessStat,
  sendSignal,
  startVariableOf,
  statOf,
} from "../../lib/proc.ts";
import { openLog } from "../../log-files/open.ts";

/** How often the ends of processes that are not our own children are looked for: of all of them at once. */
const ADOPTED_POLL_MS = 100;

export interface Child {
  pid: number;
  start_ticks: number;
  /** Settles when the process has ended, with how ("exit code 1", "signal SIGKILL"). */
  ended: Promise<string>;
  /** Signals the whole group, so that what it started goes with it. */
  signal(signal: NodeJS.Signals): void;
}

export interface SpawnOptions {
  command: readonly string[];
  cwd: string;
  environment: Record<string, string>;
  /** Appended to; the child holds the file itself, so no line is lost when the supervisor dies. */
  log: string;
  /** Its `LUNA_PROCESS_ID`. */
  mark: string;
  /** The control group that limits it. */
  group?: ChildGroup;
}

export interface ChildGroup {
  /** Calls `spawn` so that the process it starts is in the group; with the folder to start it in, where there is one. */
  start<Started>(spawn: (folder?: string) => Started): Started;
}

function signalGroup(pid: number, signal: NodeJS.Signals): void {
  sendSignal(-pid, signal);
}

/** Starts a process as the leader of a session and group of its own. */
export function spawnChild(options: SpawnOptions): Child {
  const log = openLog(options.log);
  try {
    const spawn = (cgroup?: string) =>
      Bun.spawn([...options.command], {
        cwd: options.cwd,
        env: { ...options.environment, [MARK_VARIABLE]: options.mark },
        stdin: "ignore",
        stdout: log,
        stderr: log,
        detached: true,
        ...(cgroup === undefined ? {} : { cgroup }),
      });
    const child = options.group === undefined ? spawn() : options.group.start(spawn);
    const ended = child.exited.then(() =>
      child.signalCode === null ? `exit code ${child.exitCode}` : `signal ${child.signalCode}`,
    );
    return {
      pid: child.pid,
      start_ticks: statOf(child.pid)?.start_ticks ?? 0,
      ended,
      signal: (signal) => signalGroup(child.pid, signal),
    };
  } finally {
    closeSync(log);
  }
}

/**
 * Takes over a process that an earlier supervisor started.
 * @returns undefined unless pid, start time and mark all say that it is the one
 */
export function adoptChild(pid: number, startTicks: number, mark: string): Child | undefined {
  if (!isSameProcess(pid, startTicks) || startVariableOf(pid, MARK_VARIABLE) !== mark)
    return undefined;
  const ended = untilEnded(pid, startTicks).then(() => "ended while not our child");
  return {
    pid,
    start_ticks: startTicks,
    ended,
    signal: (signal) => {
      if (isSameProcess(pid, startTicks)) signalGroup(pid, signal);
    },
  };
}

interface Adopted {
  pid: number;
  startTicks: number;
  /** Tells of its end. */
  tell(): void;
}
/** One timer looks at all of them: a wake-up for each would cost more than all else that an idle supervisor does. */
const adopted = new Set<Adopted>();
let looking: Timer | undefined;

function lookAtAdopted(): void {
  for (const one of adopted) {
    if (!hasCertainlyEnded(one.pid, one.startTicks)) continue;
    adopted.delete(one);
    one.tell();
  }
  if (adopted.size > 0) return;
  clearInterval(looking);
  looking = undefined;
}

function untilEnded(pid: number, startTicks: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  adopted.add({ pid, startTicks, tell: resolve });
  looking ??= setInterval(lookAtAdopted, ADOPTED_POLL_MS);
  return promise;
}

/** A look that fails, for want of a descriptor perhaps, is no end. */
function hasCertainlyEnded(pid: number, startTicks: number): boolean {
  try {
    return !isSameProcess(pid, startTicks);
  } catch {
    return false;
  }
}

/** The living members of a group. */
function groupOf(pid: number): ProcessStat[] {
  try {
    process.kill(-pid, 0);
  } catch (error) {
    // Not permitted means that somebody is there, though not one of ours.
    if (!(error instanceof Error && "code" in error && error.code === "EPERM")) return [];
  }
  // Zombies count for the kernel, and where nobody reaps orphans they stay.
  return allProcesses().filter(({ group }) => group === pid);
}

const GROUP_POLL_MS = 5;

export interface Rest {
  /** Of the leader, which has ended. */
  pid: number;
  mark: string;
  /** How long its group may take to end by itself. */
  graceMs: number;
  /** What it was seen to have started; without that, only what its orphans tell of themselves is known. */
  family: readonly ProcessStat[];
}

/**
 * Ends what a process whose leader has ended left: its group, then its family and whatever carries its mark
 * in another group or session.
 */
export async function endRest({ pid, mark, graceMs, family }: Rest): Promise<void> {
  const deadline = performance.now() + graceMs;
  while (groupOf(pid).length > 0 && performance.now() < deadline) await Bun.sleep(GROUP_POLL_MS);
  const isOf = (other: string): boolean => other === mark;
  const isLeft = (one: ProcessStat): boolean => isSameProcess(one.pid, one.start_ticks);
  // At once for all of it, while its number cannot be anybody else's.
  if (groupOf(pid).length > 0) sendSignal(-pid, "SIGKILL");
  await endAll(() => [
    ...groupOf(pid),
    ...family.filter(isLeft).flatMap((one) => [one, ...descendantsOf(one.pid)]),
    ...orphansWith(isOf),
  ]);
}

/**
 * Living processes with a mark that `matches` among those whose parent has ended, and below them:
 * they are children of whoever takes orphans in, so that the whole machine need not be looked through.
 */
function orphansWith(matches: (mark: string) => boolean): ProcessStat[] {
  const below = (pid: number): ProcessStat[] =>
    childrenOf(pid).flatMap((child) => {
      const mark = startVariableOf(child, MARK_VARIABLE);
      if (mark === undefined || !matches(mark)) return [];
      const stat = statOf(child);
      return stat?.alive ? [stat, ...below(child)] : [];
    });
  return [process.ppid, process.pid].flatMap(below);
}

const KILL_TIMEOUT_MS = 2_000;
const KILL_POLL_MS = 5;

/** Kills what `find` finds, until it finds nothing; false when that outlives the bound. */
async function endAll(find: () => readonly ProcessStat[]): Promise<boolean> {
  const deadline = performance.now() + KILL_TIMEOUT_MS;
  while (killAll(find()) > 0) {
    if (performance.now() > deadline) return false;
    await Bun.sleep(KILL_POLL_MS);
  }
  return true;
}

/** Ends each at once, unless another one has its pid by now; how many there were. */
function killAll(found: readonly ProcessStat[]): number {
  for (const { pid, start_ticks } of found) {
    if (isSameProcess(pid, start_ticks)) sendSignal(pid, "SIGKILL");
  }
  return found.length;
}

/** Ends everything on this machine that carries a mark which `matches`; false when something outlives it. */
export async function endMarked(matches: (mark: string) => boolean): Promise<boolean> {
  return endAll(() => findByVariable(MARK_VARIABLE, matches));
}

/** The same at once, in one look; how many there were. */
export function killMarked(matches: (mark: string) => boolean): number {
  return killAll(findByVariable(MARK_VARIABLE, matches));
}

/** Ends what carries the mark of a run and began before it: the list of orphans may have missed one. */
export async function endEarlier({ start_ticks }: Child, mark: string): Promise<void> {
  const earlier = (): ProcessStat[] =>
    findByVariable(MARK_VARIABLE, (other) => other === mark).filter(
      (one) => one.start_ticks < start_ticks,
    );
  await endAll(earlier);
}

/** `endFamily` in one look, for who must not wait. */
export function killFamily(): void {
  killAll(descendantsOf(process.pid));
}

/**
 * Ends all that is below this process, marked or not, in whatever session: what took the mark off itself
 * and let go of its parent has come to this process, if it takes orphans in.
 */
export async function endFamily(): Promise<boolean> {
  return endAll(() => descendantsOf(process.pid));
}
