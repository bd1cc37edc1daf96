/** The memory of a running Luna, by part. */
import { startVariableOf } from "../../src/lib/proc.ts";
import type { Luna } from "../support/start-luna.ts";
import { cpuMeter, pssMb } from "./measure.ts";

const CORE = ["supervisor", "auth", "agent", "mcp", "hub"];
/** Parts that load more behind their readiness are done when all used less than this in one look. */
const QUIET_US = 5_000;
const LOOK_MS = 200;
const LOOKS_MAX = 50;

export interface Memory {
  /** MB of each part; the bootstrap is `up`. */
  parts: ReadonlyMap<string, number>;
  /** The sum without Caddy and tool hosts. */
  coreMb: number;
}

/** Waits until nothing is being loaded any more. */
async function untilQuiet(pids: readonly number[]): Promise<void> {
  for (let look = 0; look < LOOKS_MAX; look += 1) {
    const used = cpuMeter(pids);
    await Bun.sleep(LOOK_MS);
    if (used() < QUIET_US) return;
  }
  throw new Error("Luna does not come to rest");
}

/** All processes of this Luna, the bootstrap included. */
export function pidsOf(luna: Luna): number[] {
  return [luna.pid, ...luna.processes().map(({ pid }) => pid)];
}

export async function measureMemory(luna: Luna): Promise<Memory> {
  await untilQuiet(pidsOf(luna));
  const parts = new Map([["up", pssMb(luna.pid)]]);
  for (const { pid } of luna.processes()) {
    const name = startVariableOf(pid, "LUNA_PROCESS_ID")?.split(":")[1] ?? `pid ${pid}`;
    parts.set(name, pssMb(pid));
  }
  for (const name of CORE) {
    if ((parts.get(name) ?? 0) === 0) throw new Error(`Cannot measure "${name}": it does not run`);
  }
  const core = ["up", ...CORE].map((name) => parts.get(name) ?? 0);
  return { parts, coreMb: core.reduce((sum, mb) => sum + mb, 0) };
}
