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
  /** Whether a sign-in link is made and said. */
  withLink: boolean;
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

/** Whether every part either runs or has failed once: waiting longer would tell nothing new. */
function isSettled({ phase, processes }: Overview): boolean {
  const parts = processes.filter(({ kind }) => kind === "core" || kind === "caddy");
  const hasFailed = parts.some(
    ({ status, last_exit }) => status !== "running" && last_exit !== null,
  );
  const isQuiet = parts.every(
    ({ status, last_exit }) => status === "running" || (status !== "stopped" && last_exit !== null),
  );
  return phase === "running" || (hasFailed && isQuiet);
}

export async function tellStart(report: StartReport): Promise<void> {
  const { supervisor, control, say } = report;
  const told = new Set<string>();
  const deadline = performance.now() + PATIENCE_MS;
  for (;;) {
    const overview = await overviewOf(control);
    for (const view of overview?.processes ?? []) {
      if (view.status !== "running" || view.kind === "tool-host" || told.has(view.name)) continue;
      told.add(view.name);
      say(statusLine(view, overview?.public_url ?? ""));
    }
    if (overview !== undefined && isSettled(overview)) return conclude(overview, report);
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
  { control, began, say, withLink }: StartReport,
): Promise<void> {
  for (const view of overview.processes) {
    if (view.status !== "running" && view.kind !== "tool-host") {
      say(`${statusLine(view, overview.public_url)}; see logs/${view.name}.log`);
    }
  }
  for (const { title, fix } of overview.problems) say(`\n  ${title}\n  ${fix}`);
  const model = overview.model.configured
    ? (overview.model.name ?? "configured")
    : "none yet (tools and MCP work without one)";
  say(`  --  ${"model".padEnd(12)}  ${model}`);
  if (overview.phase === "running") say(`\n  Ready in ${Math.round(performance.now() - began)} ms`);
  if (withLink) await sayLink(overview, { control, say });
  else say('\n  Sign in: run "luna login-link", which makes a link that works once');
  say("  Stop: Ctrl-C");
}

async function sayLink(
  overview: Overview,
  { control, say }: Pick<StartReport, "control" | "say">,
): Promise<void> {
  try {
    const link = await control.loginLink(overview.public_url);
    say(`\n  Sign in (works once, for 30 minutes):  ${link}`);
    say("  Next: run a tool on the Hub's Tools page, then connect a client on its Connect page.");
  } catch (error) {
    if (!(error instanceof LunaError)) throw error;
    say(`\n  No sign-in link: ${error.message}. "luna login-link" makes one later.`);
  }
}
