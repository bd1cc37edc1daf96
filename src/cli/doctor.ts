/** `luna doctor`: looks at everything that is known to go wrong, one check after another, while Luna runs or not. */
import { readFileSync } from "node:fs";
import type { Environment } from "../config/environment.ts";
import { holderOf } from "../config/lock-holder.ts";
import { MARK_VARIABLE, processMark } from "../config/mark.ts";
import { pathsOf } from "../config/paths.ts";
import { portsWith } from "../config/ports.ts";
import { runningOffset, runningSupervisor } from "../config/running.ts";
import { LunaError, messageOf } from "../lib/errors.ts";
import { findByVariable, isSameProcess } from "../lib/proc.ts";
import { readArguments } from "./arguments.ts";
import { Control } from "./control.ts";
import { accessCheck } from "./doctor/access.ts";
import { caddyCheck } from "./doctor/caddy.ts";
import type { Check, DoctorContext, Finding } from "./doctor/check.ts";
import { clockCheck } from "./doctor/clock.ts";
import { databaseCheck } from "./doctor/database.ts";
import { diskCheck } from "./doctor/disk.ts";
import { dockerCheck } from "./doctor/docker.ts";
import { filesCheck } from "./doctor/files.ts";
import { githubCheck } from "./doctor/github.ts";
import { leftOversCheck } from "./doctor/left-overs.ts";
import { limitsCheck } from "./doctor/limits.ts";
import { portsCheck } from "./doctor/ports.ts";
import { runningCheck } from "./doctor/running.ts";
import { straysCheck } from "./doctor/strays.ts";
import { USAGE } from "./usage.ts";

const HEALTHY = 0;
const ILL = 3;
const ID_WIDTH = 10;
const INDENT = "      ";
const WORDS: Record<Finding["status"], string> = { ok: "ok", warn: "!!", fail: "XX" };

/** What others build on comes first. */
const CHECKS: readonly Check[] = [
  ...[diskCheck, accessCheck, filesCheck, clockCheck, portsCheck, caddyCheck],
  ...[
    databaseCheck,
    githubCheck,
    dockerCheck,
    limitsCheck,
    leftOversCheck,
    straysCheck,
    runningCheck,
  ],
];

type Result = Finding & {
  id: string;
  /** Whether `--fix` fixed what was found. */
  fixed: boolean;
};

function isHeld(lock: string): boolean {
  try {
    const holder = holderOf(readFileSync(lock, "utf8"));
    return holder?.command === "up" && isSameProcess(holder.pid, holder.start_ticks);
  } catch {
    // No lock: nobody holds it.
    return false;
  }
}

async function overviewOf(environment: Environment) {
  try {
    return await (await Control.of(environment)).overview();
  } catch (error) {
    // That it does not answer is itself a finding.
    if (error instanceof LunaError) return undefined;
    throw error;
  }
}

/** The supervisor by its mark, for when state.json does not tell. */
function markedSupervisor(home: string): number | undefined {
  const own = processMark(home, "supervisor");
  return findByVariable(MARK_VARIABLE, (mark) => mark === own)[0]?.pid;
}

async function contextOf(environment: Environment): Promise<DoctorContext> {
  const paths = pathsOf(environment.home);
  const pid = runningSupervisor(paths.state)?.pid ?? markedSupervisor(paths.home);
  return {
    environment,
    paths,
    ports: portsWith(runningOffset(environment)),
    supervisor: pid === undefined ? undefined : { pid, overview: () => overviewOf(environment) },
    isHeld: isHeld(paths.lock),
  };
}

/** A check that fails itself has found something, too. */
async function find(check: Check, context: DoctorContext): Promise<Finding> {
  try {
    return await check.run(context);
  } catch (error) {
    return { status: "fail", title: `Cannot look: ${messageOf(error)}`, detail: "", fix: "" };
  }
}

async function examine(check: Check, context: DoctorContext, isFixing: boolean): Promise<Result> {
  const { id } = check;
  const found = await find(check, context);
  if (!isFixing || found.status === "ok" || check.repair === undefined) {
    return { id, ...found, fixed: false };
  }
  try {
    await check.repair(context);
  } catch (error) {
    return { id, ...found, detail: `${found.detail}\n${messageOf(error)}`, fixed: false };
  }
  const after = await find(check, context);
  return { id, ...after, fixed: after.status === "ok" };
}

function textOf({ id, status, title, detail, fix, fixed }: Result): string {
  const head = `  ${WORDS[status]}  ${id.padEnd(ID_WIDTH)}  ${title}${fixed ? " (fixed)" : ""}\n`;
  if (status === "ok" && !detail.includes("\n")) {
    return detail === "" ? head : `${head.trimEnd()}: ${detail}\n`;
  }
  const lines = detail === "" ? [] : detail.split("\n");
  if (fix !== "") lines.push(`fix it with: ${fix}`);
  return head + lines.map((line) => `${INDENT}${line}\n`).join("");
}

export async function doctor(environment: Environment, args: string[]): Promise<number> {
  const flag = { type: "boolean", default: false } as const;
  const { values: flags } = readArguments(args, {
    usage: USAGE.doctor,
    options: { fix: flag, json: flag },
  });
  const context = await contextOf(environment);
  const results: Result[] = [];
  for (const check of CHECKS) {
    const result = await examine(check, context, flags.fix);
    results.push(result);
    if (!flags.json) process.stdout.write(textOf(result));
  }
  const isWell = results.every(({ status }) => status === "ok");
  if (flags.json) {
    process.stdout.write(`${JSON.stringify({ healthy: isWell, checks: results }, null, 2)}\n`);
  }
  return isWell ? HEALTHY : ILL;
}
