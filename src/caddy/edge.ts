/** Caddy's running side: its command line and environment, a Caddyfile that is checked before it counts, reload. */
import { mkdir, rm } from "node:fs/promises";
import type { Credentials } from "../config/credentials.ts";
import type { Paths } from "../config/paths.ts";
import { runCommand } from "../lib/command.ts";
import { InvalidInputError, UnavailableError } from "../lib/errors.ts";
import { readTextIfThere, renameDurably, writeFileAtomic } from "../lib/files.ts";
import type { TokenVariable } from "./routes.ts";

/** Validation takes about 50 ms, a reload 30 ms; a busy machine gets patience. */
const VALIDATE_TIMEOUT_MS = 20_000;
const RELOAD_TIMEOUT_MS = 20_000;
const PRIVATE_FOLDER_MODE = 0o700;

type EdgePaths = Pick<Paths, "luna" | "caddyfile" | "caddyData" | "caddySocket">;
type BaseEnvironment = Readonly<Record<string, string>>;

/** What the supervisor runs, in the foreground. */
export function caddyCommand(paths: EdgePaths, program: string): string[] {
  return [program, "run", "--config", paths.caddyfile, "--adapter", "caddyfile"];
}

/** Everything that Caddy keeps for itself stays in Luna's home. */
function ownFolders(paths: EdgePaths): Record<string, string> {
  const folder = paths.caddyData;
  return { HOME: folder, XDG_DATA_HOME: folder, XDG_CONFIG_HOME: folder };
}

/** Caddy's environment: the only place where it meets the tokens. New tokens need a restart of Caddy. */
export function caddyEnvironment(options: {
  base: BaseEnvironment;
  paths: EdgePaths;
  credentials: Credentials;
}): Record<string, string> {
  const { supervisorToken, edgeToken, authToken } = options.credentials;
  const tokens: Record<TokenVariable, string> = {
    SUPERVISOR_API_TOKEN: supervisorToken,
    LUNA_EDGE_TOKEN: edgeToken,
    LUNA_AUTH_TOKEN: authToken,
  };
  return { ...options.base, ...ownFolders(options.paths), ...tokens };
}

interface EdgeOptions {
  paths: EdgePaths;
  /** Caddy's executable. */
  program: string;
  base: BaseEnvironment;
}

/**
 * Puts `text` in place once Caddy finds it valid; answers whether the file changed, so whether to reload.
 * @throws InvalidInputError with Caddy's words when it does not; the last good file stays
 */
export async function writeCaddyfile(text: string, options: EdgeOptions): Promise<boolean> {
  const { paths, program, base } = options;
  const candidate = `${paths.caddyfile}.candidate`;
  await rm(candidate, { force: true }); // Of a supervisor that was killed here.
  if ((await readTextIfThere(paths.caddyfile)) === text) return false;
  await mkdir(paths.caddyData, { recursive: true, mode: PRIVATE_FOLDER_MODE });
  try {
    await writeFileAtomic(candidate, text);
    const check = await runCommand({
      command: [program, "validate", "--config", candidate, "--adapter", "caddyfile"],
      env: { ...base, ...ownFolders(paths) },
      timeoutMs: VALIDATE_TIMEOUT_MS,
    });
    if (!check.ok) {
      throw new InvalidInputError(
        `Cannot use the new Caddyfile: "caddy validate" refuses it, the last good one stays (${check.why})`,
      );
    }
    await renameDurably(candidate, paths.caddyfile);
  } finally {
    await rm(candidate, { force: true });
  }
  return true;
}

/**
 * Makes the running Caddy take the Caddyfile; open streams get the file's grace period.
 * @throws UnavailableError when Caddy does not run or refuses; it goes on with what it had
 */
export async function reloadCaddy(options: EdgeOptions): Promise<void> {
  const { paths, program, base } = options;
  const reload = await runCommand({
    command: [
      program,
      "reload",
      ...["--config", paths.caddyfile, "--adapter", "caddyfile"],
      ...["--address", `unix/${paths.caddySocket}`],
    ],
    env: { ...base, ...ownFolders(paths) },
    timeoutMs: RELOAD_TIMEOUT_MS,
  });
  if (!reload.ok) {
    throw new UnavailableError(`Cannot reload Caddy: it goes on as before (${reload.why})`);
  }
}
