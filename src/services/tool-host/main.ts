/** The tool host: one extension's tools in a process of their own, behind a unix socket. */
import { chmodSync, mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Environment } from "../../config/environment.ts";
import { MasterConfigStore } from "../../config/master-config.ts";
import { type Paths, pathsOf } from "../../config/paths.ts";
import type { ToolHostSettings } from "../../contract/config.ts";
import { ThingName } from "../../contract/names.ts";
import { contentHash } from "../../extensions/content-hash.ts";
import { hasUpstreams } from "../../extensions/discovery.ts";
import type { ForeignFiles } from "../../extensions/foreign-files.ts";
import { loadTools } from "../../extensions/load-tools.ts";
import { readManifest } from "../../extensions/manifest.ts";
import { secretNames } from "../../extensions/secrets.ts";
import { InvalidInputError } from "../../lib/errors.ts";
import { PRIVATE_MODE, writeJsonAtomic } from "../../lib/files.ts";
import { createLogger, type Logger } from "../../lib/log.ts";
import { onceATurn } from "../../lib/once-a-turn.ts";
import {
  modeIn,
  REFUSED_EXIT_CODE,
  refusedFile,
  type ToolHostMode,
} from "../../tools/host-mode.ts";
import { hostSocketPath, publishHostSocket } from "../../tools/host-socket.ts";
import { CallRunner } from "./call-runner.ts";
import { logConsole } from "./console.ts";
import { describedAs, saveDescription, writeDescription } from "./describe.ts";
import { HostLife } from "./life.ts";
import { openPythonHost } from "./open-python-host.ts";
import { serveCalls } from "./serve-calls.ts";
import { openUpstreams, type Upstreams } from "./upstreams.ts";

const PRIVATE_UMASK = 0o077;
/** Who works on tools may think about them for so long. */
const STAY_MS = 3_600_000;

interface ToolHostOptions {
  /** Write `.luna/tools/<extension>.json` and exit, in place of serving. */
  describe?: boolean;
}

/** Runs until it is idle for `tool_host.idle_ms`, told to end, or broken by a tool. */
export async function main(
  environment: Environment,
  extension: string,
  options: ToolHostOptions = {},
): Promise<void> {
  if (!ThingName.safeParse(extension).success) {
    throw new InvalidInputError(`Cannot run the tools of "${extension}": no extension's name`);
  }
  // What tools write belongs to the owner of this Luna alone.
  process.umask(PRIVATE_UMASK);
  const paths = pathsOf(environment.home);
  const manifest = await readManifest(join(paths.extensions, extension));
  const secrets = secretNames(manifest).map((key) => environment.variables[key] ?? "");
  const log = createLogger(`tool-host-${extension}`, secrets);
  logConsole(log);
  const config = new MasterConfigStore(paths.masterConfig);
  const foreign = openPythonHost({ environment, paths, extension, config, log });
  const mode = modeIn(environment.variables);
  const isFresh = options.describe === true || mode !== undefined;
  const upstreams = hasUpstreams(manifest)
    ? await openUpstreams({ environment, paths, extension, manifest, isFresh, log })
    : undefined;
  const others = { foreign, upstreams };
  if (options.describe === true) {
    await writeDescription(paths, { extension, secrets, others });
    process.exit(0);
  }
  await serveTools({ paths, extension, secrets, config, others, log, mode });
}

interface Host {
  paths: Paths;
  extension: string;
  /** The values that the extension was given. */
  secrets: readonly string[];
  config: MasterConfigStore;
  others: { foreign: ForeignFiles; upstreams: Upstreams | undefined };
  log: Logger;
  mode: ToolHostMode | undefined;
}

async function serveTools(host: Host): Promise<void> {
  const { paths, extension, secrets, config, others, log, mode } = host;
  const socketLink = paths.toolHostSocket(extension);
  const { idle_ms } = (await config.read()).tool_host;
  const idleMs = mode?.stays === true ? Math.max(idle_ms, STAY_MS) : idle_ms;
  const life = new HostLife({ socketLink, idleMs, log });
  life.watch();
  const folder = join(paths.extensions, extension);
  const content_hash = mode === undefined ? "" : await contentHash(folder);
  const loaded = await loadTools(folder, others);
  for (const problem of loaded.problems) log.warn(problem);
  if (mode !== undefined) {
    const described = describedAs({ extension, content_hash, secrets }, loaded);
    if (mode.careful && loaded.isBroken) {
      await writeJsonAtomic(refusedFile(paths, extension), described);
      process.exit(REFUSED_EXIT_CODE);
    }
    await saveDescription(paths, described);
  }
  const runner = new CallRunner({
    extension,
    secrets,
    loaded,
    dataFolder: join(folder, "data"),
    settings: onceATurn<void, Promise<ToolHostSettings>>(
      async () => (await config.read()).tool_host,
    ),
    log,
    onQuiet: () => life.rest(),
    onWornOut: () => void life.retire("Too many calls went on after their time"),
  });
  mkdirSync(paths.run, { recursive: true, mode: 0o700 });
  const unix = hostSocketPath(socketLink, process.pid);
  rmSync(unix, { force: true }); // Of a process long dead that had this pid.
  const server = serveCalls({ unix, runner, log });
  chmodSync(unix, PRIVATE_MODE);
  life.begin({ runner, stopServer: () => server.stop(), flush: () => server.flush() });
  publishHostSocket(socketLink, process.pid);
  // The next run has the tools that are there then.
  others.upstreams?.begin(() => void life.retire("An MCP server has other tools"));
  log.info("The tool host is ready", { offers: loaded.callables.length });
}
