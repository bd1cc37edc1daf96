/** Looks for processes of this home that no running supervisor knows. */
import { isOfHome, MARK_VARIABLE, processMark } from "../../config/mark.ts";
import type { Paths } from "../../config/paths.ts";
import { RegistryFile } from "../../contract/external-service.ts";
import { StateFile } from "../../contract/process.ts";
import { LunaError } from "../../lib/errors.ts";
import { readJsonIfThere } from "../../lib/files.ts";
import {
  allProcesses,
  findByVariable,
  isSameProcess,
  type ProcessStat,
  sendSignal,
  startVariableOf,
} from "../../lib/proc.ts";
import { serviceMark } from "../../supervisor/external-services/service-commands.ts";
import { lockOf } from "../home-lock.ts";
import { type Check, DOCTOR_FIX, type DoctorContext, ok } from "./check.ts";

/** One that ends right now is no stray. */
const PATIENCE_MS = 500;

/** The marks of living processes that the supervisor knows; undefined when nobody tells. */
async function livingMarks(context: DoctorContext): Promise<Set<string> | undefined> {
  const { paths, supervisor } = context;
  const known = Object.entries((await recorded(paths)) ?? {}).map(([name, one]) => ({
    ...one,
    name,
  }));
  const told = (await supervisor?.overview())?.processes;
  if (known.length === 0 && told === undefined) return undefined;
  const living = [...known, ...(told ?? [])].filter(
    ({ pid, start_ticks }) =>
      pid !== null && start_ticks !== null && isSameProcess(pid, start_ticks),
  );
  const marks = living.map(({ name }) => processMark(paths.home, name));
  return new Set([...marks, ...(await serviceMarks(paths))]);
}

/** What an external service's own start command left running belongs to it. */
async function serviceMarks(paths: Paths): Promise<string[]> {
  try {
    const installed = (await readJsonIfThere(paths.serviceRegistry, RegistryFile)) ?? {};
    return Object.keys(installed).map((name) => serviceMark(paths.home, name));
  } catch (error) {
    // The check of files says what is wrong with it; then nobody can tell whose a process is.
    if (error instanceof LunaError) return [];
    throw error;
  }
}

async function recorded(paths: Paths): Promise<StateFile["services"] | undefined> {
  try {
    return (await readJsonIfThere(paths.state, StateFile))?.services;
  } catch (error) {
    // The check of files says what is wrong with it.
    if (error instanceof LunaError) return undefined;
    throw error;
  }
}

/** A process and all that descends from it. */
function familyOf(ancestor: number, processes: readonly ProcessStat[]): Set<number> {
  const family = new Set([ancestor]);
  for (let size = 0; size !== family.size; ) {
    size = family.size;
    for (const { pid, parent } of processes) if (family.has(parent)) family.add(pid);
  }
  return family;
}

function markOf(pid: number): string {
  return startVariableOf(pid, MARK_VARIABLE) ?? "";
}

async function straysNow(context: DoctorContext): Promise<ProcessStat[]> {
  const { paths, supervisor } = context;
  const marked = findByVariable(MARK_VARIABLE, isOfHome(paths.home));
  if (supervisor === undefined) return marked;
  const marks = await livingMarks(context);
  // Rather none than one too many: whoever is taken for a stray may be ended.
  if (marks === undefined) return [];
  const family = familyOf(supervisor.pid, allProcesses());
  // What a process started elsewhere carries its mark, and ends with it.
  return marked.filter(({ pid }) => !family.has(pid) && !marks.has(markOf(pid)));
}

/** Those that are still there after a moment. */
async function straysOf(context: DoctorContext): Promise<ProcessStat[]> {
  const first = await straysNow(context);
  if (first.length === 0) return [];
  await Bun.sleep(PATIENCE_MS);
  const second = await straysNow(context);
  return second.filter((one) =>
    first.some(({ pid, start_ticks }) => pid === one.pid && start_ticks === one.start_ticks),
  );
}

function nameOf({ pid }: ProcessStat, home: string): string {
  return `${markOf(pid).replace(processMark(home, ""), "")} (pid ${pid})`;
}

export const straysCheck: Check = {
  id: "strays",
  run: async (context) => {
    // The bootstrap brings a supervisor back at once, which takes them over.
    if (context.isHeld && context.supervisor === undefined) return ok("Luna is just starting");
    const strays = await straysOf(context);
    if (strays.length === 0) return ok("No process of this Luna is left over");
    return {
      status: "warn",
      title: `${strays.length} of this Luna's processes run without anybody to watch them`,
      detail: strays.map((one) => nameOf(one, context.paths.home)).join("\n"),
      fix: context.supervisor === undefined ? "luna down" : DOCTOR_FIX,
    };
  },
  repair: async (context) => {
    // Without a supervisor all are strays, so none may start meanwhile.
    const lock = context.supervisor === undefined ? lockOf(context.paths.lock, "down") : undefined;
    if (lock !== undefined && "holder" in lock) return;
    try {
      for (const { pid, start_ticks } of await straysOf(context)) {
        if (isSameProcess(pid, start_ticks)) sendSignal(pid, "SIGKILL");
      }
    } finally {
      lock?.release();
    }
  },
};
