/** `luna self-test`: whether this program can run here; the one before it asks this before it makes way. */
import { EnvFile } from "../config/env-file.ts";
import type { Environment } from "../config/environment.ts";
import { MasterConfigStore } from "../config/master-config.ts";
import { pathsOf } from "../config/paths.ts";
import { VERSION } from "../config/version.ts";
import type { SelfTest } from "../core-update/program.ts";
import { readArguments } from "./arguments.ts";

/** Loads what every process is made of, and reads what a person may have written by hand; starts and writes nothing. */
export async function selfTest(environment: Environment, args: string[]): Promise<number> {
  readArguments(args, { usage: "luna self-test", options: {} });
  const paths = pathsOf(environment.home);
  await Promise.all([
    import("../supervisor/main.ts"),
    import("../services/auth/main.ts"),
    import("../services/agent/main.ts"),
    import("../services/mcp/main.ts"),
    import("../services/hub/main.ts"),
    import("../services/tool-host/main.ts"),
  ]);
  await new MasterConfigStore(paths.masterConfig).read();
  await new EnvFile(paths.env).read();
  const result: SelfTest = { version: VERSION, ok: true };
  process.stdout.write(`${JSON.stringify(result)}\n`);
  return 0;
}
