/** `luna up`: the bootstrap. Lays out the home, takes the lock, starts the supervisor, tells, watches, stops. */
import { readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { adminAddress } from "../caddy/caddyfile.ts";
import { ensureCaddy } from "../caddy/program.ts";
import { ensureCredentials } from "../config/credentials.ts";
import { EnvFile } from "../config/env-file.ts";
import { type Environment, selfCommand } from "../config/environment.ts";
import { layOutHome } from "../config/home.ts";
import { holderOf, RESTART_SIGNAL } from "../config/lock-holder.ts";
import { isOfHome, MARK_VARIABLE } from "../config/mark.ts";
import { MasterConfigStore } from "../config/master-config.ts";
import { type Paths, pathsOf } from "../config/paths.ts";
import { portsWith } from "../config/ports.ts";
import { VERSION } from "../config/version.ts";
import type { CoreUpdate } from "../core-update/core-update.ts";
import { BUNDLED } from "../extensions/bundled.generated.ts";
import { layOutBundled } from "../extensions/bundled.ts";
import { becomeProgram, holdSignals, releaseSignals } from "../lib/become.ts";
import { forbidCoreDumps } from "../lib/core-dumps.ts";
import { ConflictError, messageOf } from "../lib/errors.ts";
import type { Lock } from "../lib/lock.ts";
import { childrenOf, holderOfPort, startVariableOf } from "../lib/proc.ts";
import { reapOrphans } from "../lib/reaper.ts";
import { serviceManagerOf } from "../lib/sd-notify.ts";
import { coreUpdateOf } from "../supervisor/core-update.ts";
import { endFamily, endMarked, killFamily, killMarked } from "../supervisor/process/child.ts";
import { readArguments } from "./arguments.ts";
import { Control } from "./control.ts";
import { CoreTrial, settleTrial } from "./core-trial.ts";
import { lockOf } from "./home-lock.ts";
import { ServiceReport } from "./service-report.ts";
import { tellStart } from "./start-report.ts";
import { untilAskedToStop } from "./stop-signals.ts";
import { startSupervisor } from "./supervisor-process.ts";
import { USAGE } from "./usage.ts";

/** Tells the person at the terminal, who may have closed it: that is no reason to fail. */
function say(text: string): void {
  try {
    process.stdout.write(`${text}\n`);
  } catch (error) {
    if (!(error instanceof Error && "code" in error)) throw error;
  }
}

function lockHome(paths: Paths): Lock {
  const lock = lockOf(paths.lock, "up");
  if ("holder" in lock) {
    const holder = holderOf(lock.holder);
    const who =
      holder === undefined ? "it starts just now" : `pid ${holder.pid}, since ${holder.since}`;
    throw new ConflictError(
      `Cannot start Luna in "${paths.home}": it runs there already (${who}). See "luna status", or stop it with "luna down"`,
    );
  }
  return lock;
}

/**
 * Becomes the program that is in place now: the same process, with all that it was started with. Whoever asks to stop
 * meanwhile is heard by this one or by that one.
 */
async function makeWay(
  { variables }: Environment,
  { askedToStop, lock }: { askedToStop: Promise<unknown>; lock: { release(): void } },
): Promise<void> {
  let isStopping = false;
  void askedToStop.then(() => {
    isStopping = true;
  });
  holdSignals();
  // One that came just before reaches its handler within this turn.
  await Bun.sleep(0);
  if (isStopping) return releaseSignals();
  lock.release();
  const [program = "", ...rest] = selfCommand();
  const env = Object.entries(variables).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, value] as const],
  );
  becomeProgram({
    ...{ program, args: [program, ...rest, "up"], environment: Object.fromEntries(env) },
  });
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
    pid === undefined ? `${port} by ${program}` : `${port} by ${program} (pid ${pid})`,
  );
  throw new ConflictError(
    `Cannot start Luna: taken are port ${list.join(", port ")}. Stop what holds it, or set LUNA_PORT_OFFSET, for example to 1000`,
  );
}

function removeSockets(paths: Paths): void {
  rmSync(paths.caddySocket, { force: true });
  for (const name of readdirSync(paths.run)) {
    if (name.endsWith(".sock")) rmSync(join(paths.run, name), { force: true });
  }
}

/** Starts the supervisor again when it asks for that; before there is one, nothing is to be done. */
function startAgainWhenAsked(): (supervisor: { restart(): void }) => void {
  let follow: { restart(): void } | undefined;
  // Without a listener the signal would end this process.
  process.on(RESTART_SIGNAL, () => follow?.restart());
  return (supervisor) => {
    follow = supervisor;
  };
}

/** The supervisor, and who looks after a new program of it. */
async function supervise(options: {
  environment: Environment;
  paths: Paths;
  config: MasterConfigStore;
  update: CoreUpdate;
  control: Control;
  become(): Promise<void>;
}) {
  const { environment, paths, config, update, control, become } = options;
  const givenUp = Promise.withResolvers<void>();
  let trial: CoreTrial | undefined;
  const supervisor = await startSupervisor({
    ...{ environment, paths },
    onChange: ({ state }) => {
      if (state === "fatal") givenUp.resolve();
      void trial?.look();
    },
  });
  reapOrphans({ isOwn: (pid) => pid === supervisor.pid });
  const graceMs = async () => (await config.read()).updates.core_grace_ms;
  trial = new CoreTrial({
    ...{ update, version: VERSION, control, supervisor, graceMs, become, say },
  });
  void trial.look();
  return { supervisor, trial, givenUp: givenUp.promise };
}

/** A shell may have started others before it became this process; what their children are is not for us to say. */
function hasOnlyOwnChildren(isOurs: (mark: string) => boolean): boolean {
  return childrenOf(process.pid).every((pid) => {
    const mark = startVariableOf(pid, MARK_VARIABLE);
    return mark !== undefined && isOurs(mark);
  });
}

export async function up(environment: Environment, args: string[]): Promise<number> {
  readArguments(args, { usage: USAGE.up, options: {} });
  const began = performance.now();
  // Before anything is waited for: the event loop lets signals through that are held, and these are due from whoever
  // asked while one program became the other.
  let giveUp = (): void => process.exit(1);
  const askedToStop = untilAskedToStop(() => giveUp());
  releaseSignals();
  const isOurs = isOfHome(environment.home);
  const isAlone = hasOnlyOwnChildren(isOurs);
  process.stdout.on("error", () => undefined);
  forbidCoreDumps();
  const paths = pathsOf(environment.home);
  await layOutHome(paths);
  const lock = lockHome(paths);
  const letGo = (): void => {
    removeSockets(paths);
    lock.release();
  };
  giveUp = () => {
    killMarked(isOurs);
    if (isAlone) killFamily();
    letGo();
    process.exit(1);
  };
  const become = () => makeWay(environment, { askedToStop, lock });
  const follow = startAgainWhenAsked();
  const manager = serviceManagerOf(environment.variables);
  const report = new ServiceReport(manager);
  report.begin();
  void askedToStop.then(() => report.stopping());
  let code = 1;
  let isClean = false;
  try {
    const config = new MasterConfigStore(paths.masterConfig);
    const update = coreUpdateOf({ environment, paths, envFile: new EnvFile(paths.env) }, config);
    if (await settleTrial(update, VERSION)) await become();
    refuseTakenPorts(environment, paths);
    adminAddress(paths.caddySocket);
    const credentials = await ensureCredentials(new EnvFile(paths.env));
    if (!config.exists()) {
      await layOutBundled(BUNDLED, paths.extensions);
    }
    await ensureCaddy({ paths, environment, say });
    say(`Luna ${VERSION}  ${paths.home}  pid ${process.pid}`);
    const control = new Control(environment, credentials);
    const { supervisor, trial, givenUp } = await supervise({
      ...{ environment, paths, config, update, control, become },
    });
    follow(supervisor);
    report.follow(control);
    // What is said to a service manager stays in its log, where a sign-in link has no place.
    void tellStart({ control, supervisor, began, say, withLink: manager === undefined }).catch(
      (error: unknown) => say(`Cannot tell how the start went: ${messageOf(error)}`),
    );
    const reason = await Promise.race([askedToStop, givenUp]);
    code = reason === undefined ? 1 : 0;
    report.stopping();
    trial.end();
    say(
      reason === undefined
        ? `\nLuna stops: its supervisor does not run (${supervisor.lastExit}). Read logs/supervisor.log`
        : `\n${reason}: Luna stops …`,
    );
    await supervisor.stop();
  } finally {
    isClean = await endMarked(isOurs);
    if (isAlone) isClean = (await endFamily()) && isClean;
    letGo();
  }
  say(
    isClean
      ? "Luna has stopped; nothing is left running."
      : 'Luna has stopped, but some of its processes do not end; see "luna doctor"',
  );
  process.exit(code);
}
