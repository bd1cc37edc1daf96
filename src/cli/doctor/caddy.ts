/** Checks that Caddy is there and runs, and says which it is. */

import { findCaddy, installCommand } from "../../caddy/program.ts";
import { baseEnvironment } from "../../config/environment.ts";
import { runCommand } from "../../lib/command.ts";
import { type Check, ok } from "./check.ts";

const TIMEOUT_MS = 10_000;

export const caddyCheck: Check = {
  id: "caddy",
  run: async ({ environment, paths }) => {
    const place = { environment, paths };
    const program = findCaddy(place);
    const fix = installCommand(place);
    if (program === undefined) {
      return {
        status: "fail",
        title: "Caddy, the web server in front of Luna, is not installed",
        detail: "`luna up` gets it by itself where it can.",
        fix,
      };
    }
    const env = baseEnvironment(environment);
    const said = await runCommand({ command: [program, "version"], env, timeoutMs: TIMEOUT_MS });
    if (said.ok) return ok(`Caddy ${said.output.trim().split(" ")[0]}`, program);
    return { status: "fail", title: `Caddy does not run: ${said.why}`, detail: program, fix };
  },
};
