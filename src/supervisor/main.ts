/** The supervisor: starts, watches and stops all the rest, and answers for it on port 9999 (specification 4.2). */
import { websocket } from "hono/bun";
import { publicUrl } from "../caddy/address.ts";
import { readCredentials } from "../config/credentials.ts";
import { EnvFile } from "../config/env-file.ts";
import { commandLine, type Environment } from "../config/environment.ts";
import { MasterConfigStore } from "../config/master-config.ts";
import { pathsOf } from "../config/paths.ts";
import { portsWith } from "../config/ports.ts";
import { SupervisionSettings } from "../contract/config.ts";
import type { Overview, Problem } from "../contract/process.ts";
import { messageOf } from "../lib/errors.ts";
import { createLogger } from "../lib/log.ts";
import { serve } from "../lib/serve.ts";
import { askedToStop } from "../lib/stop.ts";
import { ToolCatalogue } from "../tools/catalogue.ts";
import { ToolClient } from "../tools/client.ts";
import { createSupervisorApp } from "./api/app.ts";
import { Live } from "./api/live.ts";
import type { SpecContext } from "./core-services.ts";
import { ExtensionProcesses } from "./extension-processes.ts";
import { describeInstalled, syncInstalled } from "./installed.ts";
import { endUnwanted, startCore, stopAll } from "./lifecycle.ts";
import { McpServers } from "./mcp-servers.ts";
import { createOverview, problemFrom } from "./overview.ts";
import { provideBun } from "./own-bun.ts";
import { ProcessTable } from "./process/process-table.ts";
import { deploymentOf, modelOf, readConfig } from "./settings.ts";
import { ToolHosts } from "./tool-hosts.ts";

/** A configuration that was edited and does not parse: the last good one is in force. */
function configProblem({ problem }: MasterConfigStore): Problem[] {
  if (problem === undefined) return [];
  return [problemFrom("master-config", problem, "Mend the file; Luna takes it up by itself.")];
}

/** All parts, built and connected, nothing of them acting yet. */
async function build(environment: Environment) {
  const paths = pathsOf(environment.home);
  const ports = portsWith(environment.portOffset);
  const envFile = new EnvFile(paths.env);
  const credentials = await readCredentials(envFile);
  const log = createLogger("supervisor", Object.values(credentials));
  const context: SpecContext = { environment, paths, ports, credentials, envFile };

  const progress: { phase: Overview["phase"]; problems: Problem[] } = {
    phase: "starting",
    problems: [],
  };
  const note = (text: string): void => {
    log.error(text);
    const id = `start-${progress.problems.length}`;
    progress.problems.push(problemFrom(id, text, "Mend it, then start Luna again."));
  };
  const phase = () => progress.phase;

  const config = new MasterConfigStore(paths.masterConfig);
  const deployment = await deploymentOf(context, await readConfig(config, note));
  const public_url = publicUrl(deployment);
  const supervision = SupervisionSettings.parse({});
  const settings = () => config.last?.supervision ?? supervision;
  const processes = new ProcessTable({ statePath: paths.state, log, settings });
  const toolHosts = new ToolHosts({ context, processes, config, log });
  const extensionProcesses = new ExtensionProcesses({ context, config, processes });
  const catalogue = new ToolCatalogue({ paths, config });
  const supervisorUrl = `http://127.0.0.1:${ports.supervisor}`;
  const token = credentials.toolHostToken;
  const toolClient = new ToolClient({ paths, catalogue, config, supervisorUrl, token, log });
  const toolNames = async () => (await catalogue.read()).tools.map(({ name }) => name);
  const mcpServers = new McpServers({ config, publicUrl: public_url, toolNames });
  const bootId = crypto.randomUUID();
  const overview = createOverview({
    ...{ paths, processes, bootId, phase, catalogue },
    publicUrl: public_url,
    otherProblems: () => [...progress.problems, ...configProblem(config)],
    model: () => modelOf(context, config),
  });
  const live = new Live({ bootId, overview });
  const app = createSupervisorApp({
    ...{ credentials, processes, ports, overview, phase, live, log },
    ...{ catalogue, toolClient, toolHosts, mcpServers },
    connect: { public_url, ...commandLine(environment) },
  });
  return {
    ...{ context, config, deployment, processes, toolHosts, extensionProcesses },
    ...{ live, app, progress, note, log },
  };
}

/** Runs until it is asked to stop, and then leaves nothing. */
export async function main(environment: Environment): Promise<void> {
  const stopping = askedToStop();
  const parts = await build(environment);
  const { context, deployment, processes, toolHosts, extensionProcesses } = parts;
  const { live, progress, note } = parts;
  const { paths, ports } = context;
  const server = serve({
    fetch: parts.app.fetch,
    listen: { port: ports.supervisor },
    websocket,
  });
  processes.onChange(() => live.announce());

  const start = async (): Promise<void> => {
    await processes.load();
    toolHosts.adopt();
    await provideBun(paths);
    const core = startCore({ context, deployment, processes, note });
    const { extensions, problems } = await syncInstalled({ paths, ...parts });
    const found = await Promise.all([
      extensionProcesses.start(extensions),
      describeInstalled(extensions, { paths, ...parts }),
    ]);
    [...problems, ...found.flat()].forEach(note);
    await core;
    await endUnwanted(processes, paths);
    if (progress.phase === "starting") progress.phase = "running";
    live.announce();
  };
  const started = start().catch((error: unknown) =>
    note(`Cannot finish the start: ${messageOf(error)}`),
  );

  parts.log.info("Stopping", { signal: await stopping });
  progress.phase = "stopping";
  live.close();
  await stopAll(processes);
  // What a start that was still under way has begun meanwhile.
  await started;
  await stopAll(processes);
  await server.stop(true);
  process.exit(0);
}
