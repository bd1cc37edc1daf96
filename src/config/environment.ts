/** The only reader of the process environment: parsed once, at the start of each command. */
import { dirname, resolve } from "node:path";
import { z } from "zod";
import { InvalidInputError } from "../lib/errors.ts";

const PORT_OFFSET_MAX = 50_000;

const LunaVariables = z.object({
  LUNA_HOME: z.string().optional(),
  LUNA_PORT_OFFSET: z.coerce.number().int().min(0).max(PORT_OFFSET_MAX).default(0),
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
export const isCompiled = import.meta.path.startsWith("/$bunfs/");

/** The checkout, or the folder of the binary. */
function defaultHome(): string {
  return isCompiled ? dirname(process.execPath) : resolve(import.meta.dir, "../..");
}

/** The command line that runs Luna itself again: the binary, or Bun and the checkout's entry. */
export function selfCommand(): string[] {
  return isCompiled
    ? [process.execPath]
    : [process.execPath, resolve(import.meta.dir, "../../luna.ts")];
}

export function readEnvironment(variables: NodeJS.ProcessEnv = process.env): Environment {
  const parsed = LunaVariables.safeParse(variables);
  if (!parsed.success) {
    throw new InvalidInputError(`Cannot read the environment: ${z.prettifyError(parsed.error)}`);
  }
  return {
    home: resolve(parsed.data.LUNA_HOME ?? defaultHome()),
    portOffset: parsed.data.LUNA_PORT_OFFSET,
    processId: parsed.data.LUNA_PROCESS_ID,
    color: parsed.data.NO_COLOR === undefined && process.stdout.isTTY,
    variables,
  };
}

/**
 * What a child may inherit: where programs are and how people here write, nothing else.
 * Bun obeys `BUN_*` even in a compiled binary, and the dynamic loader obeys `LD_*`.
 */
const INHERITED = ["PATH", "HOME", "USER", "LANG", "LC_ALL", "TZ", "TMPDIR"];

/** The clean environment that every child process begins with. */
export function baseEnvironment(environment: Environment): Record<string, string> {
  const base: Record<string, string> = {
    LUNA_HOME: environment.home,
    LUNA_PORT_OFFSET: String(environment.portOffset),
  };
  for (const name of INHERITED) {
    const value = environment.variables[name];
    if (value !== undefined) base[name] = value;
  }
  return base;
}
