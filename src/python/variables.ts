/** What the environment of an extension's process has when the extension has Python in it. */
import { delimiter, join } from "node:path";
import type { Environment } from "../config/environment.ts";
import type { Paths } from "../config/paths.ts";
import { pythonBinOf } from "./environment-link.ts";
import { layOutPythonLibrary } from "./library.ts";

/** Where the extension may have Python: enough to know, without looking everywhere. */
const TRACES = [
  "*.py",
  "requirements.txt",
  "*/*.py",
  "services/*/*.py",
  "services/*/requirements.txt",
].map((pattern) => new Bun.Glob(pattern));

/** Whether the extension in `folder` has Python in it. */
function usesPython(folder: string): boolean {
  for (const traces of TRACES) {
    for (const _ of traces.scanSync({ cwd: folder })) return true;
  }
  return pythonBinOf(folder) !== undefined;
}

/** What a tool host must be told of the Python that the owner chose; nothing when there is no such choice. */
export function ownersPython({ variables }: Environment): Record<string, string> {
  const { LUNA_PYTHON } = variables;
  return LUNA_PYTHON ? { LUNA_PYTHON } : {};
}

/** Which Python an extension runs with: that of its environment, the owner's `LUNA_PYTHON`, or `python3`. */
export function pythonOf(folder: string, { variables }: Environment): string | undefined {
  const bin = pythonBinOf(folder);
  if (bin !== undefined) return join(bin, "python");
  const { LUNA_PYTHON, PATH } = variables;
  return LUNA_PYTHON || (Bun.which("python3", { PATH: PATH ?? "" }) ?? undefined);
}

interface PythonVariablesOptions {
  /** The extension's folder. */
  folder: string;
  environment: Environment;
  paths: Pick<Paths, "python">;
  /** The `PATH` that the process has otherwise. */
  path: string;
}

/** The variables; none when the extension has no Python, or the machine has none. */
export async function pythonVariables(
  options: PythonVariablesOptions,
): Promise<Record<string, string>> {
  const { folder, environment, paths, path } = options;
  const python = usesPython(folder) ? pythonOf(folder, environment) : undefined;
  if (python === undefined) return {};
  const library = await layOutPythonLibrary(paths.python);
  const bin = pythonBinOf(folder);
  return {
    LUNA_PYTHON: python,
    PATH: [...(bin === undefined ? [] : [bin]), join(library, "bin"), path].join(delimiter),
    PYTHONPATH: library,
    // Texts are UTF-8, however the machine is set up.
    PYTHONUTF8: "1",
    // Nothing is written beside what is installed.
    PYTHONDONTWRITEBYTECODE: "1",
  };
}
