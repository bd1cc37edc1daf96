/** The command `luna down`: stops the Luna of this home, whoever of it still lives, and proves that nothing is left. */
import { existsSync } from "node:fs";
import type { Environment } from "../config/environment.ts";
import { holderOf } from "../config/lock-holder.ts";
import { isOfHome, MARK_VARIABLE, processMark } from "../config/mark.ts";
import { type Paths, pathsOf } from "../config/paths.ts";
import { runningSupervisor } from "../config/running.ts";
import { messageOf, UnavailableError } from "../lib/errors.ts";
import type { Lock } from "../lib/lock.ts";
import { commandLineOf, findByVariable, isSameProcess, sendSignal } from "../lib/proc.ts";
import { endGroupsOf } from "../supervisor/limits.ts";
import { killMarked } from "../supervisor/process/child.ts";
import { readArguments } from "./arguments.ts";
import { lockOf } from "./home-lock.ts";
import { USAGE } from "./usage.ts";

/** The bootstrap needs less than 5 s; then it is ended by force. */
const STOP_TIMEOUT_MS = 15_000;
const KILL_TIMEOUT_MS = 2_000;
const POLL_MS = 50;

async function until(condition: () => boolean, timeoutMs: number): Promise<boolean> {
  const deadline = Date.now() + timeoutMs;
  while (!condition()) {
    if (Date.now() > deadline) return false;
    await Bun.sleep(POLL_MS);
  }
  return true;
}

/** Ends the bootstrap that holds the lock, and takes the lock over. */
async function takeOver(path: string): Promise<Lock> {
  let lock = lockOf(path, "down");
  const told = new Set<number>();
  const tell = (signal: "SIGTERM" | "SIGKILL"): void => {
    const holder = "holder" in lock ? holderOf(lock.holder) : undefined;
    // Another `luna down` ends by itself. A number alone may be anybody's, so the start has to agree.
    if (holder?.command !== "up" || !isSameProcess(holder.pid, holder.start_ticks)) return;
    if (signal === "SIGTERM" && told.has(holder.pid)) return;
    told.add(holder.pid);
    sendSignal(holder.pid, signal);
    // One that was suspended has to wake up to end.
    sendSignal(holder.pid, "SIGCONT");
  };
  const isTaken = (signal: "SIGTERM" | "SIGKILL") => (): boolean => {
    tell(signal);
    lock = lockOf(path, "down");
    return "release" in lock;
  };
  if ("holder" in lock) {
    const isDone =
      (await until(isTaken("SIGTERM"), STOP_TIMEOUT_MS)) ||
      (await until(isTaken("SIGKILL"), KILL_TIMEOUT_MS));
    if (!isDone || "holder" in lock) {
      throw new UnavailableError(
        `Cannot stop Luna: "${path}" is still held (${"holder" in lock ? lock.holder : ""})`,
      );
    }
  }
  if ("release" in lock) return lock;
  throw new UnavailableError(`Cannot stop Luna: "${path}" cannot be locked`);
}

/**
 * The supervisor that state.json names, if that is one: a process with capabilities of its own, as under systemd,
 * shows its mark to root alone.
 */
function recordedSupervisor(paths: Paths): { pid: number }[] {
  const one = runningSupervisor(paths.state);
  return one !== undefined && commandLineOf(one.pid).at(-1) === "supervise" ? [one] : [];
}

export async function down(environment: Environment, args: string[]): Promise<number> {
  readArguments(args, { usage: USAGE.down, options: {} });
  const paths = pathsOf(environment.home);
  if (!existsSync(paths.luna)) {
    throw new UnavailableError(`Cannot find Luna in "${paths.home}": set LUNA_HOME to its home`);
  }
  const isOurs = isOfHome(paths.home);
  const found = (matches: (mark: string) => boolean) => findByVariable(MARK_VARIABLE, matches);
  const hadAny = recordedSupervisor(paths).length > 0 || found(isOurs).length > 0;
  let lock: Lock;
  try {
    lock = await takeOver(paths.lock);
  } catch (error) {
    throw new UnavailableError(messageOf(error), { cause: error });
  }
  try {
    // A bootstrap that was killed leaves a supervisor, which stops the rest in order.
    const supervisor = processMark(paths.home, "supervisor");
    const supervisors = () => [
      ...found((mark) => mark === supervisor),
      ...recordedSupervisor(paths),
    ];
    for (const { pid } of supervisors()) sendSignal(pid, "SIGTERM");
    await until(() => supervisors().length === 0, STOP_TIMEOUT_MS);
    if (!(await until(() => killMarked(isOurs) === 0, KILL_TIMEOUT_MS))) {
      throw new UnavailableError("Cannot stop Luna: some of its processes outlive SIGKILL");
    }
    await endGroupsOf(paths.home);
  } finally {
    lock.release();
  }
  process.stdout.write(
    hadAny ? "Luna has stopped; nothing is left running.\n" : "Luna was not running.\n",
  );
  return 0;
}
