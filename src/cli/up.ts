/** `luna up`: the bootstrap. Lays out the home, takes the lock, starts the supervisor, tells, watches, stops. */
import { readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { ensureCaddy } from "../caddy/program.ts";
import { ensureCredentials } from "../config/credentials.ts";
import { EnvFile } from "../config/env-file.ts";
import type { Environment } from "../config/environment.ts";
import { layOutHome } from "../config/home.ts";
import { MasterConfigStore } from "../config/master-config.ts";
import { type Paths, pathsOf } from "../config/paths.ts";
import { portsWith } from "../config/ports.ts";
import { VERSION } from "../config/version.ts";
import { BUNDLED } from "../extensions/bundled.generated.ts";
import { layOutBundled } from "../extensions/bundled.ts";
import { ConflictError } from "../lib/errors.ts";
import { type Lock, takeLock } from "../lib/lock.ts";
import { isOfHome } from "../lib/mark.ts";
import { holderOfPort, startVariableOf } from "../lib/proc.ts";
import { killMarked, MARK_VARIABLE } from "../supervisor/process/child.ts";
import { Control } from "./control.ts";
import { tellStart } from "./start-report.ts";
import { startSupervisor } from "./supervisor-process.ts";

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** Tells the person at the terminal, who may have closed it: that is no reason to fail. */
function say(text: string): void {
  try {
    process.stdout.write(`${text}\n`);
  } catch (error) {
    if (!(error instanceof Error && "code" in error)) throw error;
  }
}

function lockHome(paths: Paths): Lock {
  const lock = takeLock(
    paths.lock,
    JSON.stringify({ pid: process.pid, started_at: new Date().toISOString() }),
  );
  if ("holder" in lock) {
    throw new ConflictError(
      `Cannot start Luna in "${paths.home}": it runs there already (${lock.holder}). See "luna status", or stop it with "luna down"`,
    );
  }
  return lock;
}

/** A port that a stranger holds is named before anything starts; our own left-overs are adopted. */
function refuseTakenPorts(environment: Environment, paths: Paths): void {
  const isOurs = isOfHome(paths.home);
  const taken = Object.values(portsWith(environment.portOffset)).flatMap((port) => {
    const holder = holderOfPort(port);
    if (holder === undefined) return [];
    const mark = holder.pid === undefined ? undefined : startVariableOf(holder.pid, MARK_VARIABLE);
    return mark !== undefined && isOurs(mark) ? [] : [holder];
  });
  if (taken.length === 0) return;
  const list = taken.map(({ port, pid, program }) =>
    pid === undefined ? `port ${port} by ${program}` : `port ${port} by ${program} (pid ${pid})`,
  );
  throw new ConflictError(
    `Cannot start Luna: ${list.join(", ")} taken. Stop what holds it, or set LUNA_PORT_OFFSET, for example to 1000`,
  );
}

/** Settles at the first signal that asks to stop; the second one does not wait for anything. */
function untilAskedToStop(onSecond: () => void): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    let asked = false;
    for (const signal of SIGNALS) {
      process.on(signal, () => {
        if (asked) onSecond();
        asked = true;
        resolve(signal);
      });
    }
  });
}

function removeSockets(paths: Paths): void {
  rmSync(paths.caddySocket, { force: true });
  for (const name of readdirSync(paths.run)) {
    if (name.endsWith(".sock")) rmSync(join(paths.run, name), { force: true });
  }
}

export async function up(environment: Environment): Promise<number> {
  const began = performance.now();
  process.stdout.on("error", () => undefined);
  const paths = pathsOf(environment.home);
  await layOutHome(paths);
  const lock = lockHome(paths);
  const isOurs = isOfHome(paths.home);
  const endAll = (): void => {
    killMarked(isOurs);
    removeSockets(paths);
    lock.release();
  };
  const askedToStop = untilAskedToStop(() => {
    endAll();
    process.exit(1);
  });
  try {
    refuseTakenPorts(environment, paths);
    const credentials = await ensureCredentials(new EnvFile(paths.env));
    if (!new MasterConfigStore(paths.masterConfig).exists()) {
      await layOutBundled(BUNDLED, paths.extensions);
    }
    await ensureCaddy({ paths, environment, say });
    say(`Luna ${VERSION}  ${paths.home}  pid ${process.pid}`);
    const supervisor = await startSupervisor(environment, paths);
    const control = new Control(environment, credentials);
    void tellStart({ control, supervisor, began, say });
    const signal = await askedToStop;
    say(`\n${signal}: Luna stops …`);
    await supervisor.stop();
  } finally {
    endAll();
  }
  say("Luna has stopped; nothing is left running.");
  process.exit(0);
}
