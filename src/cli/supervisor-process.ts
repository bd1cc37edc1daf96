/** The supervisor as the bootstrap's one supervised process: started, adopted, watched, stopped. */
import { appendFileSync } from "node:fs";
import { type Environment, selfCommand, supervisorEnvironment } from "../config/environment.ts";
import { processMark } from "../config/mark.ts";
import type { Paths } from "../config/paths.ts";
import { portsWith } from "../config/ports.ts";
import { VERSION } from "../config/version.ts";
import { SupervisionSettings } from "../contract/config.ts";
import { StateFile } from "../contract/process.ts";
import { LunaError } from "../lib/errors.ts";
import { PRIVATE_MODE, readJsonIfThere } from "../lib/files.ts";
import { createLogger } from "../lib/log.ts";
import { endOnUncaught } from "../lib/stop.ts";
import { ManagedProcess, type ProcessSpec } from "../supervisor/process/managed-process.ts";

/** Longer than the supervisor needs to stop everything else. */
const STOP_GRACE_MS = 8_000;
const NAME = "supervisor";
const SETTINGS = SupervisionSettings.parse({});

function supervisorSpec(environment: Environment, paths: Paths): ProcessSpec {
  const port = portsWith(environment.portOffset).supervisor;
  return {
    name: NAME,
    label: "Supervisor",
    kind: "core",
    command: [...selfCommand(), "supervise"],
    cwd: paths.home,
    environment: async () => supervisorEnvironment(environment),
    log: paths.log(NAME),
    mark: processMark(paths.home, NAME),
    port,
    path: null,
    probe: { url: `http://127.0.0.1:${port}/health` },
    stop_grace_ms: STOP_GRACE_MS,
    restart: "always",
    hands_over: true,
  };
}

/** The pid and start time of the supervisor that wrote state.json, when the file can be read. */
async function previousSupervisor(paths: Paths): Promise<StateFile["supervisor"] | undefined> {
  try {
    return (await readJsonIfThere(paths.state, StateFile))?.supervisor;
  } catch (error) {
    // The new supervisor says what is wrong with the file; here it only means: nothing to adopt.
    if (error instanceof LunaError) return undefined;
    throw error;
  }
}

interface StartOptions {
  environment: Environment;
  paths: Paths;
  onChange(supervisor: ManagedProcess): void;
}

/** Starts the supervisor, or goes on with the one that outlived its bootstrap. */
export async function startSupervisor(options: StartOptions): Promise<ManagedProcess> {
  const { environment, paths, onChange } = options;
  const log = createLogger("bootstrap", [], (line) =>
    appendFileSync(paths.log("bootstrap"), line, { mode: PRIVATE_MODE }),
  );
  // The supervisor goes on, and the next bootstrap goes on with it.
  endOnUncaught(log);
  const managed = new ManagedProcess(supervisorSpec(environment, paths), {
    log,
    onChange: () => onChange(managed),
    settings: () => SETTINGS,
  });
  const previous = await previousSupervisor(paths);
  const isAdopted =
    previous?.version === VERSION &&
    managed.adopt({
      ...previous,
      port: previous.port ?? null,
      status: "running",
      health: "unknown",
      kind: "supervisor",
      last_check: null,
      restarts: 0,
    });
  if (!isAdopted) managed.start();
  return managed;
}
