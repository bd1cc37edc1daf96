/** The supervisor: starts, watches and stops all the rest, and answers for it on port 9999 (specification 4.2). */
import { websocket } from "hono/bun";
import { callerWith } from "../audit/caller.ts";
import { AuditTrail } from "../audit/trail.ts";
import { readCredentials } from "../config/credentials.ts";
import { EnvFile } from "../config/env-file.ts";
import { commandLine, type Environment } from "../config/environment.ts";
import { removeLeftOvers } from "../config/home.ts";
import { pathsOf } from "../config/paths.ts";
import { portsWith } from "../config/ports.ts";
import type { Overview, Problem } from "../contract/process.ts";
import { assertionKey } from "../lib/assertion.ts";
import { messageOf } from "../lib/errors.ts";
import { writesSettled } from "../lib/files.ts";
import { createLogger } from "../lib/log.ts";
import { serve } from "../lib/serve.ts";
import { askedToStop, endOnUncaught } from "../lib/stop.ts";
import { endLeftInstalls, removeUnusedPackages } from "../packages/left-overs.ts";
import { UPLOAD_BYTES_MAX } from "../sources/uploads.ts";
import { ToolCatalogue } from "../tools/catalogue.ts";
import { ToolClient } from "../tools/client.ts";
import { createSupervisorApp } from "./api/app.ts";
import { Live } from "./api/live.ts";
import { openConfiguration } from "./configuration.ts";
import { createConnectorDoctor } from "./connector-doctor.ts";
import type { SpecContext } from "./core-services.ts";
import { coreUpdateOf, proveItself } from "./core-update.ts";
import { ExtensionProcesses } from "./extension-processes.ts";
import { createInstalled } from "./extension-reload.ts";
import { createExternalServices } from "./external-services/create.ts";
import { HeldExtensions } from "./held-extensions.ts";
import { createKeys } from "./keys.ts";
import { endUnwanted, startCore, stopAll } from "./lifecycle.ts";
import { Limits } from "./limits.ts";
import { livingSessionsOf } from "./living-sessions.ts";
import { createLogs } from "./logs.ts";
import { McpServers } from "./mcp-servers.ts";
import { createOverview, problemFrom } from "./overview.ts";
import { provideBun } from "./own-bun.ts";
import { ProcessTable } from "./process/process-table.ts";
import { KnownSecrets } from "./secrets/known-secrets.ts";
import { readSecrets } from "./secrets/read.ts";
import { assignedPorts, modelOf } from "./settings.ts";
import { createSources } from "./sources.ts";
import { ToolHosts } from "./tool-hosts.ts";
import { createUpdates } from "./updates.ts";
import { UsageMeter } from "./usage.ts";

/** A disk that hangs does not hold up the end. */
const WRITES_TIMEOUT_MS = 2_000;
/** How often what a start goes on to begin is looked for, when it has to stop. */
const START_POLL_MS = 50;

/** An extension's archive, and the form around it. */
const UPLOAD_REQUEST_BYTES_MAX = UPLOAD_BYTES_MAX + 1024 ** 2;

/** Who has the control API's token and no session: a program of this machine. */
const COMMAND_LINE = { kind: "local", name: "luna" } as const;

/** What all parts stand on: the files of this home, who is known, and where things are said. */
async function groundOf(environment: Environment) {
  const paths = pathsOf(environment.home);
  const ports = portsWith(environment.portOffset);
  const envFile = new EnvFile(paths.env);
  const credentials = await readCredentials(envFile);
  const known = new KnownSecrets(Object.values(credentials));
  const log = createLogger("supervisor", known.values);
  endOnUncaught(log);
  const audit = new AuditTrail({
    ...{ folder: paths.audit, process: "supervisor", secrets: known.values, log },
  });
  const context: SpecContext = { environment, paths, ports, credentials, envFile };
  const progress: { phase: Overview["phase"]; problems: Problem[] } = {
    phase: "starting",
    problems: [],
  };
  const note = (text: string): void => {
    log.error(text);
    const id = `start-${progress.problems.length}`;
    progress.problems.push(problemFrom(id, text, "Fix it, then start Luna again."));
  };
  const configuration = await openConfiguration({ context, audit, log });
  const { config, deployment } = configuration;
  return { context, known, log, audit, progress, note, configuration, config, deployment };
}

/** All parts, built and connected, nothing of them acting yet. */
async function build(environment: Environment) {
  const ground = await groundOf(environment);
  const { context, known, log, audit, progress, configuration } = ground;
  const { config, deployment, public_url } = configuration;
  const { paths, ports, envFile, credentials } = context;
  const phase = () => progress.phase;
  const onChange = (): void => live.announce();
  const limits = new Limits({ home: paths.home, config, log });
  const processes = new ProcessTable({
    ...{ statePath: paths.state, log, settings: configuration.supervision },
    limited: (spec) => limits.apply(spec),
    port: ports.supervisor,
  });
  const held = new HeldExtensions();
  const toolHosts = new ToolHosts({ context, processes, config, held, log });
  const extensionProcesses = new ExtensionProcesses({ context, config, processes, held });
  const catalogue = new ToolCatalogue({ paths, config });
  const token = credentials.toolHostToken;
  const toolClient = new ToolClient({
    ...{ paths, catalogue, config, token, audit, log },
    supervisorUrl: `http://127.0.0.1:${ports.supervisor}`,
  });
  const tools = async () => (await catalogue.read()).tools;
  const mcpServers = new McpServers({ config, publicUrl: public_url, tools });
  const bootId = crypto.randomUUID();
  const secrets = await readSecrets({ context, config, known, processes, toolHosts });
  const external = createExternalServices({
    ...{ context, deployment, config, secrets, known, log, processes },
  });
  const overview = createOverview({
    ...{ context, processes, bootId, phase, catalogue, deployment, ...external },
    usage: new UsageMeter(),
    otherProblems: () => [
      ...progress.problems,
      ...processes.problems,
      ...installed.problems,
      ...keys.problems(),
      ...updates.problems(),
    ],
    secrets: known.values,
    missingSecrets: () => secrets.missing,
    model: () => modelOf(context, config),
  });
  const { rotator, logQueries, logs } = createLogs({ context, config, log, secrets: known.values });
  const livingSessions = livingSessionsOf({ ports, credentials });
  const live = new Live({ bootId, overview, logs, livingSessions });
  const { installed, extensionReload } = createInstalled({
    ...{ paths, envFile, config, processes, extensionProcesses, toolHosts, secrets, log, onChange },
  });
  const follow = () => void installed.follow().finally(onChange);
  const coreUpdate = coreUpdateOf(context, config);
  const sources = createSources({ context, config, log });
  const updates = createUpdates({
    ...{ context, config, processes, toolHosts, held, audit, log, coreUpdate, ...sources },
    ...{ installed: () => installed, secrets: known.values },
    ...{ services: external.externalServices, docker: external.docker },
    onRun: (run) => live.tellRun(run),
    onChange,
  });
  const keys = createKeys({ context, config, log, onChange });
  const app = createSupervisorApp({
    ...{ ...keys, ...sources, ...external, ...updates, coreUpdate },
    ...configuration.answering({
      ...{ processes, toolHosts, secrets, known: known.values },
      onChange: follow,
    }),
    ...{ credentials, processes, extensionReload, ports, overview, phase, live, log },
    ...{ catalogue, toolClient, toolHosts, mcpServers, logQueries, secrets, audit },
    connectorDoctor: createConnectorDoctor({
      ...{ publicUrl: public_url, mcpServers, ports, credentials, log },
    }),
    callerOf: callerWith({ key: assertionKey(credentials.authToken), otherwise: COMMAND_LINE }),
    assignedPorts: () => assignedPorts(config.last, environment.portOffset),
    connect: { public_url, ...commandLine(environment) },
  });
  return {
    ...ground,
    ...{ processes, toolHosts, installed, updates },
    ...{ live, app, limits, rotator, keys, coreUpdate, external, sources },
  };
}

/** Runs until it is asked to stop, and then leaves nothing. */
export async function main(environment: Environment): Promise<void> {
  const stopping = askedToStop();
  const parts = await build(environment);
  const { context, deployment, processes, toolHosts, installed } = parts;
  const { live, progress, note, limits, rotator, keys, external, updates, sources } = parts;
  const { paths, ports } = context;
  const server = serve({
    fetch: parts.app.fetch,
    listen: { port: ports.supervisor },
    bodyBytesMax: UPLOAD_REQUEST_BYTES_MAX,
    websocket,
  });
  processes.onChange(() => live.announce());

  const start = async (): Promise<void> => {
    await removeLeftOvers(paths).catch((error: unknown) => note(messageOf(error)));
    await rotator.start().catch((error: unknown) => note(messageOf(error)));
    await processes.load();
    // They write where recovery is about to put things right.
    await endLeftInstalls(paths.home);
    await updates.recover();
    toolHosts.adopt();
    await provideBun(paths).catch((error: unknown) => note(messageOf(error)));
    await keys.watchKeys();
    const core = startCore({ context, deployment, processes, note });
    await installed.sync();
    await external.load();
    // Nobody looks for strays any more: what a run starts beside the table would be taken for one.
    await endUnwanted(processes, paths, external.externalServices.isWanted);
    processes.forgetPrevious();
    await limits.clear();
    await sources.startSources();
    await removeUnusedPackages(paths).catch((error: unknown) => note(messageOf(error)));
    await updates.begin();
    await core;
    await installed.watch();
    external.watch();
    if (progress.phase === "starting") progress.phase = "running";
    live.announce();
    const graceMs = parts.config.last?.updates.core_grace_ms ?? 0;
    await proveItself({ update: parts.coreUpdate, processes, log: parts.log, graceMs });
  };
  const started = start().catch((error: unknown) =>
    note(`Cannot finish the start: ${messageOf(error)}`),
  );

  parts.log.info("Stopping", { signal: await stopping });
  progress.phase = "stopping";
  live.close();
  sources.store.stop();
  await updates.runs.stop();
  // Again and again: a start that is still under way begins more, and waits for what it began.
  const isStarted = started.then(() => true);
  do await stopAll(processes);
  while (!(await Promise.race([isStarted, Bun.sleep(START_POLL_MS).then(() => false)])));
  await stopAll(processes);
  await external.externalServices.stop();
  await limits.clear();
  await keys.useTimes.flush();
  await rotator.stop();
  await server.stop(true);
  parts.audit.close();
  await Promise.race([writesSettled(), Bun.sleep(WRITES_TIMEOUT_MS)]);
  process.exit(0);
}
