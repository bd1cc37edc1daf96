/** Builds the way to an extension's Python tools: which Python, with what in its environment. */
import { join } from "node:path";
import type { Environment } from "../../config/environment.ts";
import type { MasterConfigStore } from "../../config/master-config.ts";
import type { Paths } from "../../config/paths.ts";
import type { Logger } from "../../lib/log.ts";
import { NO_PYTHON } from "../../python/find-python.ts";
import { layOutPythonLibrary } from "../../python/library.ts";
import { pythonOf, pythonVariables } from "../../python/variables.ts";
import { PythonHost } from "./python-host.ts";

interface PythonHostContext {
  environment: Environment;
  paths: Paths;
  extension: string;
  config: MasterConfigStore;
  log: Logger;
}

/** Nothing runs before the first Python file is loaded; whatever runs ends with this process. */
export function openPythonHost(context: PythonHostContext): PythonHost {
  const { environment, paths, extension, config, log } = context;
  const folder = join(paths.extensions, extension);
  const own: Record<string, string> = {};
  for (const [name, value] of Object.entries(environment.variables)) {
    if (value !== undefined) own[name] = value;
  }
  const host = new PythonHost({
    cwd: paths.home,
    python: async () => {
      const program = pythonOf(folder, environment);
      if (program === undefined) return NO_PYTHON;
      const path = own["PATH"] ?? "";
      const variables = await pythonVariables({ folder, environment, paths, path });
      const script = join(await layOutPythonLibrary(paths.python), "luna_tool_host.py");
      return { program, script, env: { ...own, ...variables } };
    },
    settings: async () => (await config.read()).tool_host,
    log,
  });
  process.on("exit", () => host.kill());
  return host;
}
