/** `luna status`: what runs, for people and with --json for programs. */
import type { Environment } from "../config/environment.ts";
import { pathsOf } from "../config/paths.ts";
import { LunaError } from "../lib/errors.ts";
import { Control } from "./control.ts";
import { statusLine } from "./status-block.ts";

const DEGRADED = 3;
const NOT_RUNNING = 4;

export async function status(environment: Environment, args: string[]): Promise<number> {
  try {
    const control = await Control.of(environment);
    const overview = await control.overview();
    if (args.includes("--json")) {
      process.stdout.write(`${JSON.stringify(overview, null, 2)}\n`);
    } else {
      const lines = overview.processes.map((view) => statusLine(view, overview.public_url));
      const problems = overview.problems.map(({ title, fix }) => `\n${title}\n  ${fix}`);
      process.stdout.write(`Luna ${overview.version}  ${overview.phase}\n${lines.join("\n")}\n`);
      if (problems.length > 0) process.stdout.write(`${problems.join("\n")}\n`);
    }
    const isHealthy = overview.phase === "running" && overview.problems.length === 0;
    return isHealthy ? 0 : DEGRADED;
  } catch (error) {
    if (!(error instanceof LunaError)) throw error;
    process.stderr.write(`${error.message} (home: ${pathsOf(environment.home).home})\n`);
    return NOT_RUNNING;
  }
}
