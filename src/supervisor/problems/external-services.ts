/** External services that are not as they should be, and Docker when one of them needs it. */
import type { RegistryEntry, RegistryFile } from "../../contract/external-service.ts";
import type { Finding } from "../problems.ts";

const LOG_LINES = 20;

/** What is known of one service beyond its entry. */
interface Known {
  label: string;
  needs_docker: boolean;
  restart_on_failure: boolean;
  /** Why it is not well, as the last look found; undefined when it is well or nobody has looked. */
  why: string | undefined;
  given_up: boolean;
}

export interface ServicesSight {
  registry: RegistryFile;
  /** undefined when its definition cannot be read. */
  known(name: string): Known | undefined;
  /** What was wrong with Docker when it was asked last. */
  docker: Omit<Finding, "id" | "severity"> | undefined;
  lastLines(name: string, lines: number): readonly string[];
}

function tailOf(name: string, sight: ServicesSight): string {
  const tail = sight.lastLines(name, LOG_LINES).join("\n");
  return tail === "" ? `.luna/logs/${name}.log is empty.` : tail;
}

function givenUp(name: string, known: Known, sight: ServicesSight): Finding {
  return {
    id: `external-service-${name}`,
    severity: "error",
    title: `${known.label} does not run: ${known.why ?? "it was started again in vain too often"}`,
    detail: tailOf(name, sight),
    fix: `Fix what the last lines of its log say; then: luna svc restart ${name}`,
  };
}

function notWell(name: string, known: Known, sight: ServicesSight): Finding {
  const then = known.restart_on_failure
    ? "Luna starts it again by itself, at once with"
    : "It is not started again by itself";
  return {
    id: `external-service-${name}`,
    severity: "warning",
    title: `${known.label} is not well: ${known.why ?? "its health check fails"}`,
    detail: tailOf(name, sight),
    fix: `${then}: luna svc restart ${name}`,
  };
}

function notInstalled(name: string, entry: RegistryEntry): Finding {
  return {
    id: `external-service-${name}`,
    severity: "warning",
    title: `The service "${name}" is not installed: ${entry.install_error ?? "its installation failed"}`,
    detail: `The whole of what it said: luna logs ${name}`,
    fix: `Install it again: luna svc install ${name}; or take it away: luna svc uninstall ${name}`,
  };
}

export function externalServiceProblems(sight: ServicesSight): Finding[] {
  const found: Finding[] = [];
  const withoutDocker: string[] = [];
  for (const [name, entry] of Object.entries(sight.registry)) {
    const known = sight.known(name);
    if (!entry.installed) found.push(notInstalled(name, entry));
    else if (known?.why === undefined || !entry.should_run) continue;
    else if (sight.docker !== undefined && known.needs_docker) withoutDocker.push(known.label);
    else if (known.given_up) found.push(givenUp(name, known, sight));
    else found.push(notWell(name, known, sight));
  }
  if (sight.docker === undefined || withoutDocker.length === 0) return found;
  const title = `${sight.docker.title}, and needed by ${withoutDocker.join(", ")}`;
  return [{ ...sight.docker, id: "docker", severity: "error", title }, ...found];
}
