/** Sign-in with GitHub that was begun to be set up, and signs nobody in. */
import { githubConfiguration } from "../../config/github.ts";
import type { DeploymentMode } from "../../contract/config.ts";
import type { Finding } from "../problems.ts";

export function githubProblems(
  variables: Readonly<Record<string, string>>,
  mode: DeploymentMode,
): Finding[] {
  const configuration = githubConfiguration(variables, mode);
  if (configuration.state !== "refused") return [];
  const { problem, fix } = configuration;
  return [
    {
      id: "github-sign-in",
      severity: "warning",
      title: "Nobody can sign in with GitHub",
      detail: `${problem}. The other ways to sign in work.`,
      fix,
    },
  ];
}
