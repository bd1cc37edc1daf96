/** Tells on the terminal how the start goes: each part as it is ready, then the link and the next step. */
import type { Overview } from "../contract/process.ts";
import { LunaError } from "../lib/errors.ts";
import type { ManagedProcess } from "../supervisor/process/managed-process.ts";
import type { Control } from "./control.ts";
import { statusLine } from "./status-block.ts";

const POLL_MS = 15;
const PATIENCE_MS = 60_000;

interface StartReport {
  control: Control;
  supervisor: ManagedProcess;
  /** `performance.now()` when the command began. */
  began: number;
  say(text: string): void;
}

/** The overview, or undefined while the supervisor does not answer yet. */
async function overviewOf(control: Control): Promise<Overview | undefined> {
  try {
    return await control.overview();
  } catch (error) {
    if (error instanceof LunaError) return undefined;
    throw error;
  }
}

/** Whether every part is where it will stay for now. */
function isSettled({ phase, processes }: Overview): boolean {
  return phase === "running" || processes.some((one) => one.status === "fatal");
}

export async function tellStart({ control, supervisor, began, say }: StartReport): Promise<void> {
  const told = new Set<string>();
  const deadline = performance.now() + PATIENCE_MS;
  for (;;) {
    const overview = await overviewOf(control);
    for (const view of overview?.processes ?? []) {
      if (view.status !== "running" || view.kind === "tool-host" || told.has(view.name)) continue;
      told.add(view.name);
      say(statusLine(view, overview?.public_url ?? ""));
    }
    if (overview !== undefined && isSettled(overview))
      return conclude(overview, { control, began, say });
    if (supervisor.state === "fatal" || performance.now() > deadline) {
      say(`\nLuna did not start: ${supervisor.lastExit ?? "it takes too long"}.`);
      say("Read logs/supervisor.log; Ctrl-C stops what runs.");
      return;
    }
    await Bun.sleep(POLL_MS);
  }
}

async function conclude(
  overview: Overview,
  { control, began, say }: Omit<StartReport, "supervisor">,
): Promise<void> {
  for (const view of overview.processes) {
    if (view.status !== "running" && view.kind !== "tool-host") {
      say(statusLine(view, overview.public_url));
    }
  }
  for (const { title, fix } of overview.problems) say(`\n  ${title}\n  ${fix}`);
  const model = overview.model.configured
    ? (overview.model.name ?? "configured")
    : "none yet (tools and MCP work without one)";
  say(`  --  ${"model".padEnd(12)}  ${model}`);
  if (overview.phase === "running") say(`\n  Ready in ${Math.round(performance.now() - began)} ms`);
  try {
    const link = await control.loginLink(overview.public_url);
    say(`\n  Sign in (works once, for 30 minutes):  ${link}`);
    say("  Next: run a tool on the Hub's Tools page, then connect a client on its Connect page.");
  } catch (error) {
    if (!(error instanceof LunaError)) throw error;
    say(`\n  No sign-in link: ${error.message}. "luna login-link" makes one later.`);
  }
  say("  Stop: Ctrl-C");
}
