/** The only reader of the process environment: parsed once, at the start of each command. */
import { readFileSync, realpathSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { z } from "zod";
import { InvalidInputError } from "../lib/errors.ts";
import { explain } from "../lib/explain.ts";
import { parseEnv } from "./env-text.ts";
import { pathsOf } from "./paths.ts";

const PORT_OFFSET_MAX = 50_000;

const LunaVariables = z.object({
  LUNA_PORT_OFFSET: z.coerce
    .number(`must be a number from 0 to ${PORT_OFFSET_MAX}`)
    .int()
    .min(0)
    .max(PORT_OFFSET_MAX)
    .default(0),
  LUNA_PROCESS_ID: z.string().optional(),
  NO_COLOR: z.string().optional(),
});

export interface Environment {
  /** Absolute path of the data root. */
  home: string;
  /** Added to every fixed port and range. */
  portOffset: number;
  /** `<home mark>:<process name>` in a process that Luna started. */
  processId: string | undefined;
  color: boolean;
  /** Every variable as it came, for what is handed on by name. */
  variables: Readonly<Record<string, string | undefined>>;
}

/** Whether this is the compiled executable (its sources lie in Bun's virtual file system). */
const isCompiled = import.meta.path.startsWith("/$bunfs/");

/** The checkout, or the folder of the binary. */
function defaultHome(): string {
  return isCompiled ? dirname(process.execPath) : resolve(import.meta.dir, "../..");
}

/** The executable that is Luna; undefined in a checkout. */
export const ownProgram: string | undefined = isCompiled ? process.execPath : undefined;

/** The command line that runs Luna itself again: the binary, or Bun and the checkout's entry. */
export function selfCommand(): string[] {
  return isCompiled
    ? [process.execPath]
    : // Bun would give every variable of `.env` in the working directory to whatever runs there.
      [process.execPath, "--no-env-file", resolve(import.meta.dir, "../../luna.ts")];
}

/** The one spelling of a folder, which may not be there yet: through a link it would be another home. */
function realPathOf(folder: string): string {
  try {
    return realpathSync(folder);
  } catch {
    const parent = dirname(folder);
    return parent === folder ? folder : join(realPathOf(parent), basename(folder));
  }
}

/** `.env` may set it too; a child has it in its environment, and does not look. */
function offsetInFile(home: string): string | undefined {
  try {
    return parseEnv(readFileSync(pathsOf(home).env, "utf8"))["LUNA_PORT_OFFSET"];
  } catch {
    // No file yet, or one that whoever needs its secrets will complain of.
    return undefined;
  }
}

export function readEnvironment(variables: NodeJS.ProcessEnv = process.env): Environment {
  const home = realPathOf(resolve(variables["LUNA_HOME"] || defaultHome()));
  const { LUNA_PORT_OFFSET = offsetInFile(home) } = variables;
  const parsed = LunaVariables.safeParse({ ...variables, LUNA_PORT_OFFSET });
  if (!parsed.success) {
    throw new InvalidInputError(`Cannot read the environment: ${explain(parsed.error)}`);
  }
  return {
    home,
    portOffset: parsed.data.LUNA_PORT_OFFSET,
    processId: parsed.data.LUNA_PROCESS_ID,
    color: parsed.data.NO_COLOR === undefined && process.stdout.isTTY,
    variables,
  };
}

/**
 * The variables that a service is started with.
 * @param what the service, for the error
 * @throws InvalidInputError that names what is missing or wrong
 */
export function readVariables<Schema extends z.ZodType>(
  environment: Environment,
  schema: Schema,
  what: string,
): z.output<Schema> {
  const parsed = schema.safeParse(environment.variables);
  if (parsed.success) return parsed.data;
  throw new InvalidInputError(
    `Cannot start ${what}: the supervisor gives it its variables; ${explain(parsed.error)}`,
  );
}

/**
 * What a child may inherit: where programs are and how people here write, nothing else.
 * Bun obeys `BUN_*` even in a compiled binary, and the dynamic loader obeys `LD_*`.
 */
const INHERITED = ["PATH", "HOME", "USER", "LANG", "LC_ALL", "TZ", "TMPDIR"];

/** How another program of this machine runs this very Luna: its command, and what must be told to it. */
export function commandLine(environment: Environment): {
  command: string[];
  env: Record<string, string>;
} {
  const { home, portOffset } = environment;
  return {
    command: selfCommand(),
    env: {
      ...(home === defaultHome() ? {} : { LUNA_HOME: home }),
      ...(portOffset === 0 ? {} : { LUNA_PORT_OFFSET: String(portOffset) }),
    },
  };
}

/** The clean environment that every child process begins with. */
export function baseEnvironment(environment: Environment): Record<string, string> {
  const base: Record<string, string> = {
    LUNA_HOME: environment.home,
    LUNA_PORT_OFFSET: String(environment.portOffset),
    // Otherwise Bun keeps it in the user's own home.
    BUN_RUNTIME_TRANSPILER_CACHE_PATH: pathsOf(environment.home).cache,
  };
  for (const name of INHERITED) {
    const value = environment.variables[name];
    if (value !== undefined) base[name] = value;
  }
  return base;
}

/** Variables that change what a program runs rather than what it does. */
const DANGEROUS = /^(?:BUN_|LD_|DYLD_|NODE_|BASH_ENV$|ENV$)/;

/** What a service manager says to the process that it started, and to no child of it (sd_notify(3)). */
const OF_SERVICE_MANAGER =
  /^(?:NOTIFY_SOCKET$|WATCHDOG_|LISTEN_|FDSTORE$|JOURNAL_STREAM$|SYSTEMD_)/;

/** The environment of the supervisor, which hands settings on by name: all but what could replace code. */
export function supervisorEnvironment(environment: Environment): Record<string, string> {
  const handed: Record<string, string> = {};
  for (const [name, value] of Object.entries(environment.variables)) {
    const isWithheld = DANGEROUS.test(name) || OF_SERVICE_MANAGER.test(name);
    if (value !== undefined && !isWithheld) handed[name] = value;
  }
  return { ...handed, ...baseEnvironment(environment) };
}
