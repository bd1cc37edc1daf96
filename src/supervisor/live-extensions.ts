/** Stops, starts and watches what runs of one extension while a run changes it (src/updates). */
import { rm } from "node:fs/promises";
import type { Paths } from "../config/paths.ts";
import { ToolsFile } from "../contract/tool.ts";
import { messageOf } from "../lib/errors.ts";
import { readJsonIfThere } from "../lib/files.ts";
import { redact } from "../lib/log.ts";
import type { LiveExtensions, Wellness } from "../updates/parts.ts";
import type { HeldExtensions } from "./held-extensions.ts";
import type { InstalledWatch } from "./installed-watch.ts";
import { lastLines } from "./process/log-tail.ts";
import type { ManagedProcess } from "./process/managed-process.ts";
import type { ProcessTable } from "./process/process-table.ts";
import type { ToolHosts } from "./tool-hosts.ts";

const POLL_MS = 20;
/** What has become well must stay so for this long. */
const STEADY_MS = 500;
/** Ends in a row before it is taken for one that does not start. */
const FAILURES_MAX = 2;
const LAST_LINES = 30;

interface LiveOptions {
  paths: Paths;
  processes: ProcessTable;
  toolHosts: ToolHosts;
  held: HeldExtensions;
  installed(): Pick<InstalledWatch, "sync">;
  secrets(): readonly string[];
}

function processesOf({ processes }: LiveOptions, extension: string): ManagedProcess[] {
  return processes.all().filter(({ spec }) => spec.extension === extension);
}

/** Ends its UI and services at once, its tools once their calls are answered. */
async function hold(options: LiveOptions, extension: string): Promise<void> {
  const { held, processes, toolHosts } = options;
  held.hold(extension);
  const own = processesOf(options, extension).filter(({ spec }) => spec.kind !== "tool-host");
  await Promise.all([
    toolHosts.endAll(extension),
    ...own.map(async (one) => {
      await one.stop();
      processes.remove(one.spec.name);
    }),
  ]);
}

type Failure = Extract<Wellness, { well: false }>;

function failureOf(
  { paths, secrets }: LiveOptions,
  { spec }: ManagedProcess,
  why: string,
): Failure {
  const lines = lastLines(paths.log(spec.name), LAST_LINES);
  return {
    well: false,
    reason: `${spec.label} ${why}; see logs/${spec.name}.log`,
    last_lines: lines.map((line) => redact(line, secrets())),
  };
}

/** Why it will not become well, when that is certain. */
function isHopeless(one: ManagedProcess): string | undefined {
  const { state, lastExit } = one;
  if (state === "fatal") return `does not start: ${lastExit}`;
  const failures = one.view().failures ?? 0;
  if (failures >= FAILURES_MAX) return `ended ${failures} times at its start: ${lastExit}`;
  return undefined;
}

/** One that did what it is there for, or that somebody stopped, is well. */
function isWell(one: ManagedProcess): boolean {
  if (one.state === "stopped" || one.state === "exited") return true;
  return one.state === "running" && one.view().health !== "unhealthy";
}

async function untilProcessesWell(
  options: LiveOptions,
  extension: string,
  { graceMs, signal }: { graceMs: number; signal: AbortSignal },
): Promise<Failure | undefined> {
  const began = performance.now();
  let wellSince: number | undefined;
  for (;;) {
    signal.throwIfAborted();
    const own = processesOf(options, extension).filter(({ spec }) => spec.kind !== "tool-host");
    for (const one of own) {
      const why = isHopeless(one);
      if (why !== undefined) return failureOf(options, one, why);
    }
    if (own.length === 0) return undefined;
    const now = performance.now();
    const unwell = own.find((one) => !isWell(one));
    if (unwell === undefined) {
      wellSince ??= now;
      if (now - wellSince >= STEADY_MS) return undefined;
    } else {
      wellSince = undefined;
      if (now - began > graceMs) {
        return failureOf(options, unwell, `did not become well within ${graceMs / 1000} s`);
      }
    }
    await Bun.sleep(POLL_MS);
  }
}

/** Its tools as they were described: none at all, with reasons, is a failure. */
async function toolsWellness({ paths }: LiveOptions, extension: string): Promise<Wellness> {
  try {
    const file = await readJsonIfThere(paths.toolsFile(extension), ToolsFile);
    if (file === undefined) return { well: true, warnings: [] };
    const { tools, resources, templates, prompts, problems } = file;
    const offered = tools.length + resources.length + templates.length + prompts.length;
    if (offered > 0 || problems.length === 0) return { well: true, warnings: [...problems] };
    return { well: false, reason: problems.join("; "), last_lines: [] };
  } catch (error) {
    return { well: false, reason: messageOf(error), last_lines: [] };
  }
}

export function liveExtensions(options: LiveOptions): LiveExtensions {
  const { paths, toolHosts, held, processes } = options;
  return {
    hold: (extension) => hold(options, extension),
    release: (extension) => held.release(extension),
    sync: () => options.installed().sync(),
    untilWell: async (extension, graceMs, signal) => {
      const why = toolHosts.failureOf(extension);
      if (why !== undefined) {
        const lines = lastLines(paths.log(`tool-host-${extension}`), LAST_LINES);
        const last_lines = lines.map((line) => redact(line, options.secrets()));
        return { well: false, reason: why, last_lines };
      }
      const tools = await toolsWellness(options, extension);
      if (!tools.well) return tools;
      const failure = await untilProcessesWell(options, extension, { graceMs, signal });
      return failure ?? tools;
    },
    forget: async (extension) => {
      for (const { spec } of processesOf(options, extension)) processes.forget(spec.name);
      await rm(paths.toolsFile(extension), { force: true });
      // Another extension of that name is nobody's heir.
      await rm(paths.upstreamTokens(extension), { force: true });
    },
  };
}
