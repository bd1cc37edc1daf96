/** A running process, spawned by this supervisor or by one before it, and how it ends. */
import { closeSync } from "node:fs";
import { MARK_VARIABLE } from "../../config/mark.ts";
import {
  allProcesses,
  findByVariable,
  isSameProcess,
  sendSignal,
  startVariableOf,
  statOf,
} from "../../lib/proc.ts";
import { openLog } from "../../log-files/open.ts";

/** How often the end of a process that is not our own child is looked for. */
const ADOPTED_POLL_MS = 40;

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
  /** The folder of the group to start in, made for it; undefined when there is none. */
  open(): string | undefined;
  /** Called with the pid as soon as there is one. */
  join(pid: number): void;
}

function signalGroup(pid: number, signal: NodeJS.Signals): void {
  sendSignal(-pid, signal);
}

/** Starts a process as the leader of a session and group of its own. */
export function spawnChild(options: SpawnOptions): Child {
  const log = openLog(options.log);
  try {
    const cgroup = options.group?.open();
    const child = Bun.spawn([...options.command], {
      cwd: options.cwd,
      env: { ...options.environment, [MARK_VARIABLE]: options.mark },
      stdin: "ignore",
      stdout: log,
      stderr: log,
      detached: true,
      ...(cgroup === undefined ? {} : { cgroup }),
    });
    options.group?.join(child.pid);
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
  const ended = (async () => {
    while (isSameProcess(pid, startTicks)) await Bun.sleep(ADOPTED_POLL_MS);
    return "ended while not our child";
  })();
  return {
    pid,
    start_ticks: startTicks,
    ended,
    signal: (signal) => {
      if (isSameProcess(pid, startTicks)) signalGroup(pid, signal);
    },
  };
}

/** Whether a living member of the group is left. */
function hasGroup(pid: number): boolean {
  try {
    process.kill(-pid, 0);
  } catch (error) {
    // Not permitted means that somebody is there, though not one of ours.
    if (!(error instanceof Error && "code" in error && error.code === "EPERM")) return false;
  }
  // Zombies count for the kernel, and where nobody reaps orphans they stay.
  return allProcesses().some(({ group }) => group === pid);
}

const GROUP_POLL_MS = 5;

/**
 * Ends what a process whose leader has ended left: its group, which gets until `graceMs` to end by itself,
 * then whatever carries its mark in another group or session.
 */
export async function endRest(pid: number, mark: string, graceMs: number): Promise<void> {
  const deadline = Date.now() + graceMs;
  while (hasGroup(pid) && Date.now() < deadline) await Bun.sleep(GROUP_POLL_MS);
  if (hasGroup(pid)) sendSignal(-pid, "SIGKILL");
  await endMarked((other) => other === mark);
}

const KILL_TIMEOUT_MS = 2_000;
const KILL_POLL_MS = 5;

/** `killMarked`, until nothing of it lives; false when it outlives the bound. */
export async function endMarked(matches: (mark: string) => boolean): Promise<boolean> {
  const deadline = Date.now() + KILL_TIMEOUT_MS;
  while (killMarked(matches) > 0) {
    if (Date.now() > deadline) return false;
    await Bun.sleep(KILL_POLL_MS);
  }
  return true;
}

/** Ends everything that carries a mark which `matches`, at once; how many there were. */
export function killMarked(matches: (mark: string) => boolean): number {
  const strays = findByVariable(MARK_VARIABLE, matches);
  for (const stray of strays) {
    if (isSameProcess(stray.pid, stray.start_ticks)) sendSignal(stray.pid, "SIGKILL");
  }
  return strays.length;
}
