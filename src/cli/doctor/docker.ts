/** Looks for Docker, which only Docker services need: that it is absent is no fault. */

import { baseEnvironment } from "../../config/environment.ts";
import { type CommandResult, runCommand } from "../../lib/command.ts";
import { type Check, type Finding, ok } from "./check.ts";

const TIMEOUT_MS = 10_000;
const LINES_MAX = 3;
const VERSION = /^\d+\.\d+[\w.+~-]*$/;

/** What Docker's answer means. Pure. */
export function dockerFinding(said: CommandResult): Finding {
  const firstLines = (text: string): string => text.split("\n").slice(0, LINES_MAX).join("\n");
  if (said.ok) {
    const version = said.output.trim();
    if (VERSION.test(version)) return ok(`Docker ${version}`);
    return {
      status: "warn",
      title: "What is called docker here does not answer as Docker does",
      detail: firstLines(version) || "It says nothing.",
      fix: "command -v docker   (and see that it is Docker)",
    };
  }
  const detail = firstLines(said.why);
  if (/permission denied/i.test(said.why)) {
    return {
      status: "warn",
      title: "Docker is there, but this user may not use it",
      detail,
      fix: 'sudo usermod -aG docker "$(id -un)"   (then log out and in again)',
    };
  }
  const command = "sudo systemctl start docker   (or: sudo service docker start)";
  return ok(
    "Docker is installed but does not run (only Docker services need it)",
    `${detail}\nStart it with: ${command}`,
  );
}

/** @param timeoutMs how long Docker may take to answer */
export const dockerCheckWithin = (timeoutMs: number): Check => ({
  id: "docker",
  run: async ({ environment }) => {
    const env = baseEnvironment(environment);
    const program = Bun.which("docker", { PATH: env["PATH"] ?? "" });
    if (program === null) return ok("Docker is not there (only Docker services need it)");
    const { DOCKER_HOST } = environment.variables;
    return dockerFinding(
      await runCommand({
        command: [program, "version", "--format", "{{.Server.Version}}"],
        env: { ...env, ...(DOCKER_HOST === undefined ? {} : { DOCKER_HOST }) },
        timeoutMs,
      }),
    );
  },
});

export const dockerCheck = dockerCheckWithin(TIMEOUT_MS);
