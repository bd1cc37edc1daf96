/** `luna status`: what runs, for people and with --json for programs, once or with --watch for as long as one looks. */
import type { Environment } from "../config/environment.ts";
import { pathsOf } from "../config/paths.ts";
import type { Overview } from "../contract/process.ts";
import { LunaError } from "../lib/errors.ts";
import { askedToStop } from "../lib/stop.ts";
import { readArguments } from "./arguments.ts";
import { Control } from "./control.ts";
import { statusText } from "./status-text.ts";
import { USAGE } from "./usage.ts";

const HEALTHY = 0;
const DEGRADED = 3;
const NOT_RUNNING = 4;

const WATCH_PERIOD_MS = 1_000;
/** Cursor to the upper left corner, and everything from there cleared (ECMA-48). */
const CLEAR_SCREEN = "\u001b[H\u001b[J";

interface Flags {
  watch: boolean;
  json: boolean;
}

function flagsIn(args: string[]): Flags {
  const flag = { type: "boolean", default: false } as const;
  return readArguments(args, { usage: USAGE.status, options: { watch: flag, json: flag } }).values;
}

/** What is to be seen at one moment. */
interface Sight {
  code: number;
  overview?: Overview;
  /** Why there is none. */
  message?: string;
}

function codeOf({ phase, problems, processes }: Overview): number {
  const isEachWell = processes.every(
    ({ kind, status }) => status === "running" || (kind !== "core" && kind !== "caddy"),
  );
  return phase === "running" && problems.length === 0 && isEachWell ? HEALTHY : DEGRADED;
}

async function look(environment: Environment): Promise<Sight> {
  try {
    const overview = await (await Control.of(environment)).overview();
    return { code: codeOf(overview), overview };
  } catch (error) {
    if (!(error instanceof LunaError)) throw error;
    const { home } = pathsOf(environment.home);
    return { code: NOT_RUNNING, message: `${error.message} (home: ${home})` };
  }
}

function textOf({ overview, message }: Sight, now: number): string {
  return overview === undefined ? `${message}\n` : statusText(overview, now);
}

/** All that is worth another block: not the figures that change all the time. */
function changeKey({ overview, message }: Sight): string {
  const always = ["cpu_percent", "memory_bytes", "last_check"];
  return JSON.stringify(overview ?? message, (key, value: unknown) =>
    always.includes(key) ? undefined : value,
  );
}

function jsonOf({ overview, message }: Sight): string {
  return JSON.stringify(overview ?? { error: { code: "unavailable", message } });
}

/** On a terminal one picture that is drawn again; elsewhere a block (with --json a line) at each change. */
async function watch(environment: Environment, { json }: Flags): Promise<number> {
  // Whoever reads the output may go away at any time, which ends this as well as a signal does.
  const closed = new Promise<void>((resolve) => process.stdout.on("error", () => resolve()));
  const isOver = Promise.race([askedToStop(), closed]).then(() => true);
  let key = "";
  for (;;) {
    const sight = await look(environment);
    const now = Date.now();
    if (process.stdout.isTTY && !json) {
      process.stdout.write(`${CLEAR_SCREEN}${textOf(sight, now)}\nCtrl-C ends this.\n`);
    } else if (changeKey(sight) !== key) {
      const time = new Date(now).toISOString();
      process.stdout.write(json ? `${jsonOf(sight)}\n` : `${time}\n${textOf(sight, now)}\n`);
    }
    key = changeKey(sight);
    const wait = Bun.sleep(WATCH_PERIOD_MS).then(() => false);
    if (await Promise.race([isOver, wait])) return sight.code;
  }
}

export async function status(environment: Environment, args: string[]): Promise<number> {
  const flags = flagsIn(args);
  if (flags.watch) return watch(environment, flags);
  const sight = await look(environment);
  if (sight.overview === undefined) process.stderr.write(textOf(sight, Date.now()));
  else if (flags.json) process.stdout.write(`${JSON.stringify(sight.overview, null, 2)}\n`);
  else process.stdout.write(textOf(sight, Date.now()));
  return sight.code;
}
