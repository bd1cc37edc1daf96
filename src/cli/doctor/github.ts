/** Checks that sign-in with GitHub is set up wholly or not at all. */
import { EnvFile } from "../../config/env-file.ts";
import { githubConfiguration } from "../../config/github.ts";
import { MasterConfigStore } from "../../config/master-config.ts";
import { DeploymentMode, MasterConfig } from "../../contract/config.ts";
import { type Check, type DoctorContext, ok } from "./check.ts";

/** The environment before `.env`, and the configuration where neither says it. */
async function modeOf(
  variables: Readonly<Record<string, string | undefined>>,
  { paths }: DoctorContext,
): Promise<DeploymentMode> {
  const mode = DeploymentMode.safeParse(variables["DEPLOYMENT_MODE"]);
  if (mode.success) return mode.data;
  try {
    return (await new MasterConfigStore(paths.masterConfig).read()).deployment_mode;
  } catch {
    // A file that does not parse is a finding of its own; without it Luna is where it is by default.
    return MasterConfig.parse({}).deployment_mode;
  }
}

export const githubCheck: Check = {
  id: "github",
  run: async (context) => {
    const { environment, paths } = context;
    const variables = { ...(await new EnvFile(paths.env).read()), ...environment.variables };
    const configuration = githubConfiguration(variables, await modeOf(variables, context));
    switch (configuration.state) {
      case "off":
        return ok("Sign-in with GitHub is not set up");
      case "on":
        return ok("Sign-in with GitHub is set up", configuration.settings.url);
      case "refused": {
        const { problem, fix } = configuration;
        return { status: "warn", title: "Nobody can sign in with GitHub", detail: problem, fix };
      }
    }
  },
};
