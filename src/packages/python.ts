/** The Python of this machine, which extensions written in it need; Luna itself does not. */
import { z } from "zod";
import { baseEnvironment, type Environment } from "../config/environment.ts";
import { messageOf } from "../lib/errors.ts";

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

/** What `program` says of itself. */
async function aboutPython(program: string, environment: Environment): Promise<FoundPython> {
  const cannot = `Cannot use "${program}" as Python`;
  try {
    const child = Bun.spawn([program, "-c", ABOUT], {
      env: baseEnvironment(environment),
      stdin: "ignore",
      stdout: "pipe",
      stderr: "ignore",
      timeout: LOOK_TIMEOUT_MS,
      killSignal: "SIGKILL",
    });
    const text = await new Response(child.stdout).text();
    if ((await child.exited) !== 0) {
      return { problem: `${cannot}: it ends with ${child.signalCode ?? child.exitCode}; ${HOW}` };
    }
    const python = About.parse(JSON.parse(text));
    const [major, minor] = python.version;
    const isOld = major < VERSION_MIN[0] || (major === VERSION_MIN[0] && minor < VERSION_MIN[1]);
    if (isOld) return { problem: `${cannot}: it is ${python.version.join(".")}; ${HOW}` };
    return { python };
  } catch (error) {
    return { problem: `${cannot}: ${messageOf(error)}; ${HOW}` };
  }
}

/** `LUNA_PYTHON` of `luna up`'s environment, or `python3` on its path. */
export async function findPython(environment: Environment): Promise<FoundPython> {
  const { PATH, LUNA_PYTHON } = environment.variables;
  const program = LUNA_PYTHON || Bun.which("python3", { PATH: PATH ?? "" });
  if (!program) return { problem: `Cannot find Python: there is no python3 on the path; ${HOW}` };
  return aboutPython(program, environment);
}
