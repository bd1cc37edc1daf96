/** What the Luna that runs in a home says of itself, for commands that were started elsewhere. */
import { readFileSync } from "node:fs";
import { StateFile } from "../contract/process.ts";
import { isSameProcess } from "../lib/proc.ts";
import type { Environment } from "./environment.ts";
import { pathsOf } from "./paths.ts";
import { portsWith } from "./ports.ts";

/** The supervisor that state.json names, if it is the one that runs. */
export function runningSupervisor(state: string): StateFile["supervisor"] | undefined {
  try {
    const { supervisor } = StateFile.parse(JSON.parse(readFileSync(state, "utf8")));
    return isSameProcess(supervisor.pid, supervisor.start_ticks) ? supervisor : undefined;
  } catch {
    // No state, or none that can be read: nothing runs that would have told of itself.
    return undefined;
  }
}

/** The port offset of the Luna that runs in this home; the environment's own when none does. */
export function runningOffset(environment: Environment): number {
  const port = runningSupervisor(pathsOf(environment.home).state)?.port;
  return port === undefined ? environment.portOffset : port - portsWith(0).supervisor;
}
