/** The state of everything in one answer: what Home shows and `luna status` prints. */
import { type Deployment, publicUrl } from "../caddy/address.ts";
import { GITHUB_VARIABLES } from "../config/github.ts";
import { VERSION } from "../config/version.ts";
import type { Overview, Problem, ProcessView } from "../contract/process.ts";
import { readCoreUpdate } from "../core-update/core-update-file.ts";
import { messageOf } from "../lib/errors.ts";
import { redact } from "../lib/log.ts";
import { statOf } from "../lib/proc.ts";
import { type SpecContext, settingsOf } from "./core-services.ts";
import { auditProblems } from "./problems/audit.ts";
import { caddyProblems } from "./problems/caddy.ts";
import { coreUpdateProblems } from "./problems/core-update.ts";
import { diskProblems } from "./problems/disk.ts";
import { envAccessProblems } from "./problems/env-access.ts";
import { githubProblems } from "./problems/github.ts";
import { processProblems } from "./problems/processes.ts";
import { type MissingSecret, secretProblems } from "./problems/secrets.ts";
import { type Finding, Problems } from "./problems.ts";
import { lastLines } from "./process/log-tail.ts";
import type { ProcessTable } from "./process/process-table.ts";
import type { Usage, UsageMeter } from "./usage.ts";

interface OverviewOptions {
  context: SpecContext;
  processes: ProcessTable;
  bootId: string;
  deployment: Deployment;
  phase(): Overview["phase"];
  /** Problems that are not of a process, such as an extension that cannot be used. */
  otherProblems(): readonly Problem[];
  missingSecrets(): readonly MissingSecret[];
  serviceProblems(): Promise<readonly Finding[]>;
  usage: UsageMeter;
  catalogue: { read(): Promise<{ tools: readonly unknown[]; problems: readonly string[] }> };
  /** Values that are shown nowhere. */
  secrets(): readonly string[];
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

/** Named after its text, so that another one's going does not give it another name. */
function toolsProblem(text: string): Finding {
  const id = `tools-${Bun.hash(text).toString(36)}`;
  return problemFrom(id, text, "Fix the extension, then restart Luna.");
}

/** Each source looks at one thing, anew at each overview. */
function problemsOf(options: OverviewOptions): Problems {
  const { context, processes, catalogue, deployment } = options;
  const { paths } = context;
  const lastLinesOf = (name: string, lines: number) =>
    lastLines(paths.log(name), lines).map((line) => redact(line, options.secrets()));
  return new Problems([
    () => processProblems(processes.views(), { lastLines: lastLinesOf }),
    () => caddyProblems(context, processes.get("caddy")?.state === "running"),
    () => diskProblems(paths.home),
    () => envAccessProblems(paths.env),
    async () => githubProblems(await settingsOf(context, GITHUB_VARIABLES), deployment.mode),
    () => auditProblems(paths.audit),
    () => secretProblems(options.missingSecrets()),
    async () => coreUpdateProblems(await readCoreUpdate(paths.coreUpdate)),
    () => options.serviceProblems(),
    () => options.otherProblems(),
    async () => (await toolsOf(catalogue)).problems.map(toolsProblem),
  ]);
}

/** Adds what each process takes. */
function withUsage(views: readonly ProcessView[], usage: UsageMeter): ProcessView[] {
  const pids = views.flatMap(({ pid }) => (pid === null ? [] : [pid]));
  const usages = usage.read(pids);
  return views.map((view) => {
    const own: Usage | undefined = view.pid === null ? undefined : usages.get(view.pid);
    return { ...view, ...own };
  });
}

/** Returns the function that answers with the overview of this moment. */
export function createOverview(options: OverviewOptions): () => Promise<Overview> {
  const started_at = new Date().toISOString();
  const { context, processes, bootId, deployment } = options;
  const problems = problemsOf(options);
  return async () => ({
    version: VERSION,
    boot_id: bootId,
    started_at,
    phase: options.phase(),
    public_url: publicUrl(deployment),
    home: context.paths.home,
    processes: withUsage([ownView(started_at), ...processes.views()], options.usage),
    problems: await problems.read(),
    tool_count: (await toolsOf(options.catalogue)).count,
    model: await options.model(),
  });
}
