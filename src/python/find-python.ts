/** The Python of this machine, which extensions written in it need; Luna itself does not. */
import { z } from "zod";
import { baseEnvironment, type Environment } from "../config/environment.ts";
import { runCommand } from "../lib/command.ts";

const LOOK_TIMEOUT_MS = 15_000;
/** Older ones are out of support, and packages for them are not made any more. */
const VERSION_MIN = [3, 9] as const;

const ABOUT = `import json, platform, sys
print(json.dumps({"executable": sys.executable, "version": list(sys.version_info[:3]),
                  "build": "-".join([sys.implementation.cache_tag or "", platform.machine(), platform.libc_ver()[0]])}))`;

const About = z.object({
  executable: z.string().min(1),
  version: z.tuple([z.int(), z.int(), z.int()]),
  /** What compiled packages depend on besides the version. */
  build: z.string(),
});
export type Python = z.infer<typeof About>;

export type FoundPython = { python: Python } | { problem: string };

const WANTED = `Python ${VERSION_MIN.join(".")} or newer`;
const HOW = `install ${WANTED} (Debian: apt install python3 python3-venv), then install the extension again`;

export const NO_PYTHON = `Cannot find Python: there is no python3 on the path; ${HOW}`;

/** What `program` says of itself. */
async function aboutPython(program: string, environment: Environment): Promise<FoundPython> {
  const cannot = `Cannot use "${program}" as Python`;
  const env = baseEnvironment(environment);
  const ran = await runCommand({
    command: [program, "-c", ABOUT],
    env,
    timeoutMs: LOOK_TIMEOUT_MS,
  });
  if (!ran.ok) return { problem: `${cannot}: ${ran.why}; ${HOW}` };
  const about = About.safeParse(parsed(ran.output));
  if (!about.success) return { problem: `${cannot}: it is none; ${HOW}` };
  const [major, minor] = about.data.version;
  const isOld = major < VERSION_MIN[0] || (major === VERSION_MIN[0] && minor < VERSION_MIN[1]);
  if (isOld) return { problem: `${cannot}: it is ${about.data.version.join(".")}; ${HOW}` };
  return { python: about.data };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // No Python writes that.
  }
}

/** `LUNA_PYTHON` of `luna up`'s environment, or `python3` on its path. */
export async function findPython(environment: Environment): Promise<FoundPython> {
  const { PATH, LUNA_PYTHON } = environment.variables;
  const program = LUNA_PYTHON || Bun.which("python3", { PATH: PATH ?? "" });
  if (!program) return { problem: NO_PYTHON };
  return aboutPython(program, environment);
}
