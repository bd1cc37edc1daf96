/** `luna down`: stops the Luna of this home, whoever of it still lives, and proves that nothing is left. */
import { existsSync } from "node:fs";
import { z } from "zod";
import type { Environment } from "../config/environment.ts";
import { pathsOf } from "../config/paths.ts";
import { UnavailableError } from "../lib/errors.ts";
import { takeLock } from "../lib/lock.ts";
import { isOfHome, processMark } from "../lib/mark.ts";
import { findByVariable, sendSignal } from "../lib/proc.ts";
import { killMarked, MARK_VARIABLE } from "../supervisor/process/child.ts";

const STOP_TIMEOUT_MS = 15_000;
const POLL_MS = 50;

const Holder = z.object({ pid: z.int().positive() });

async function until(condition: () => boolean): Promise<boolean> {
  const deadline = Date.now() + STOP_TIMEOUT_MS;
  while (!condition()) {
    if (Date.now() > deadline) return false;
    await Bun.sleep(POLL_MS);
  }
  return true;
}

export async function down(environment: Environment): Promise<number> {
  const paths = pathsOf(environment.home);
  if (!existsSync(paths.luna)) {
    throw new UnavailableError(`Cannot find Luna in "${paths.home}": set LUNA_HOME to its home`);
  }
  const isOurs = isOfHome(paths.home);
  const text = JSON.stringify({ pid: process.pid, stopping: true });
  let lock = takeLock(paths.lock, text);
  const ran = "holder" in lock || findByVariable(MARK_VARIABLE, isOurs).length > 0;
  if ("holder" in lock) {
    // Whoever holds the lock is alive, so its pid is its own.
    sendSignal(Holder.parse(JSON.parse(lock.holder)).pid, "SIGTERM");
    await until(() => {
      lock = takeLock(paths.lock, text);
      return "release" in lock;
    });
  }
  // A bootstrap that was killed leaves a supervisor, which stops the rest in order.
  const supervisor = processMark(paths.home, "supervisor");
  for (const { pid } of findByVariable(MARK_VARIABLE, (mark) => mark === supervisor)) {
    sendSignal(pid, "SIGTERM");
    await until(() => findByVariable(MARK_VARIABLE, (mark) => mark === supervisor).length === 0);
  }
  const isClean = await until(() => killMarked(isOurs) === 0);
  if ("release" in lock) lock.release();
  if (!isClean) {
    throw new UnavailableError("Cannot stop Luna: some of its processes outlive SIGKILL");
  }
  process.stdout.write(
    ran ? "Luna has stopped; nothing is left running.\n" : "Luna was not running.\n",
  );
  return 0;
}
