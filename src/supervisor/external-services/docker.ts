/** Whether Docker can be used, asked with a bound, so that one that hangs hinders nobody. */
import { baseEnvironment, type Environment } from "../../config/environment.ts";
import { processMark } from "../../config/mark.ts";
import { type CommandEnd, endInWords, runCommand } from "../../external-services/run-command.ts";

const TIMEOUT_MS = 5_000;
/** Several services ask at the same time. */
const FRESH_MS = 2_000;
const TOLD_CHARACTERS = 300;
const NOT_FOUND = 127;
const VERSION = /^\d+\.\d+/;

export interface DockerFault {
  title: string;
  detail: string;
  fix: string;
}

/** What the answer to `docker version` means. Pure. */
export function dockerFault(end: CommandEnd): DockerFault | undefined {
  const detail = end.said.trim().slice(-TOLD_CHARACTERS);
  if (end.how === "exit" && end.code === 0) {
    if (VERSION.test(end.said.trim())) return undefined;
    return {
      title: "What is called docker here does not answer as Docker does",
      detail: detail === "" ? "It says nothing." : detail,
      fix: "See that it is Docker: command -v docker",
    };
  }
  if (end.how === "exit" && end.code === NOT_FOUND) {
    return {
      title: "Docker is not there",
      detail: "There is no program named docker on Luna's PATH.",
      fix: "Install Docker: https://docs.docker.com/engine/install",
    };
  }
  if (/permission denied/i.test(end.said)) {
    return {
      title: "Docker is there, but this user may not use it",
      detail,
      fix: 'sudo usermod -aG docker "$(id -un)", then log out and in again, and start Luna again',
    };
  }
  return {
    title: end.how === "timeout" ? "Docker does not answer" : "Docker does not run",
    detail: `docker version: ${endInWords(end)}${detail === "" ? "" : `\n${detail}`}`,
    fix: `${end.how === "timeout" ? "sudo systemctl restart docker" : "sudo systemctl start docker"}; Luna looks again by itself`,
  };
}

export class Docker {
  readonly #environment: Environment;
  #last: DockerFault | undefined;
  #asked: { at: number; answer: Promise<DockerFault | undefined> } | undefined;

  constructor(environment: Environment) {
    this.#environment = environment;
  }

  /** What was wrong with it when it was asked last, for who must not wait. */
  get last(): DockerFault | undefined {
    return this.#last;
  }

  /**
   * What is wrong with it; undefined when nothing is.
   * @param freshMs how old an answer may be
   */
  fault(freshMs = FRESH_MS): Promise<DockerFault | undefined> {
    const now = performance.now();
    if (this.#asked === undefined || now - this.#asked.at >= freshMs) {
      this.#asked = { at: now, answer: this.#ask() };
    }
    return this.#asked.answer;
  }

  async #ask(): Promise<DockerFault | undefined> {
    const environment = this.#environment;
    const own = Object.entries(environment.variables).flatMap(([name, value]) =>
      name.startsWith("DOCKER_") && value !== undefined ? [[name, value] as const] : [],
    );
    const end = await runCommand({
      text: "exec docker version --format '{{.Server.Version}}'",
      cwd: environment.home,
      environment: { ...baseEnvironment(environment), ...Object.fromEntries(own) },
      mark: processMark(environment.home, "docker-version"),
      timeoutMs: TIMEOUT_MS,
      output: { line: () => undefined },
    });
    this.#last = dockerFault(end);
    return this.#last;
  }
}
