/** The state of everything in one answer: what Home shows and `luna status` prints. */
import type { Paths } from "../config/paths.ts";
import { VERSION } from "../config/version.ts";
import type { Overview, Problem, ProcessView } from "../contract/process.ts";
import { messageOf } from "../lib/errors.ts";
import { statOf } from "../lib/proc.ts";
import { problemsOf } from "./problems.ts";
import { lastLines } from "./process/log-tail.ts";
import type { ProcessTable } from "./process/process-table.ts";

interface OverviewOptions {
  paths: Paths;
  processes: ProcessTable;
  bootId: string;
  publicUrl: string;
  phase(): Overview["phase"];
  /** Problems that are not of a process, such as an extension that cannot be used. */
  otherProblems(): readonly Problem[];
  catalogue: { read(): Promise<{ tools: readonly unknown[]; problems: readonly string[] }> };
  /** The model that is set, when one is. */
  model(): Promise<Overview["model"]>;
}

/** A sentence of one part as a problem that Home can show. */
export function problemFrom(id: string, title: string, fix: string): Problem {
  return { id, severity: "warning", title, detail: "", fix, since: new Date().toISOString() };
}

/** The supervisor's own line: whoever reads it has proof that it runs. */
function ownView(started_at: string): ProcessView {
  return {
    name: "supervisor",
    label: "Supervisor",
    kind: "supervisor",
    pid: process.pid,
    start_ticks: statOf(process.pid)?.start_ticks ?? null,
    port: null,
    path: "/api/supervisor",
    status: "running",
    health: "healthy",
    started_at,
    last_check: new Date().toISOString(),
    restarts: 0,
    ready_ms: null,
    last_exit: null,
    next_start_at: null,
  };
}

async function toolsOf(catalogue: OverviewOptions["catalogue"]) {
  try {
    const { tools, problems } = await catalogue.read();
    return { count: tools.length, problems };
  } catch (error) {
    return { count: 0, problems: [messageOf(error)] };
  }
}

/** Returns the function that answers with the overview of this moment. */
export function createOverview(options: OverviewOptions): () => Promise<Overview> {
  const started_at = new Date().toISOString();
  const { paths, processes, bootId, publicUrl } = options;
  return async () => {
    const views = processes.views();
    const tools = await toolsOf(options.catalogue);
    return {
      version: VERSION,
      boot_id: bootId,
      started_at,
      phase: options.phase(),
      public_url: publicUrl,
      home: paths.home,
      processes: [ownView(started_at), ...views],
      problems: [
        ...problemsOf(views, (name, lines) => lastLines(paths.log(name), lines)),
        ...options.otherProblems(),
        ...tools.problems.map((text, index) =>
          problemFrom(`tools-${index}`, text, "Mend the extension, then restart Luna."),
        ),
      ],
      tool_count: tools.count,
      model: await options.model(),
    };
  };
}
