/** The supervisor's share in external services: all parts, and what of them a person has to know. */
import type { Deployment } from "../../caddy/address.ts";
import type { MasterConfigStore } from "../../config/master-config.ts";
import { SupervisionSettings } from "../../contract/config.ts";
import type { StateFile } from "../../contract/process.ts";
import { BUNDLED_SERVICES } from "../../external-services/bundled.ts";
import { usesDocker } from "../../external-services/definition.ts";
import { Definitions } from "../../external-services/definitions.ts";
import { Registry } from "../../external-services/registry.ts";
import { messageOf } from "../../lib/errors.ts";
import { type Logger, redact } from "../../lib/log.ts";
import type { SpecContext } from "../core-services.ts";
import { watchFiles } from "../file-watch.ts";
import { externalServiceProblems } from "../problems/external-services.ts";
import type { Finding } from "../problems.ts";
import { lastLines } from "../process/log-tail.ts";
import type { ProcessTable } from "../process/process-table.ts";
import type { KnownSecrets } from "../secrets/known-secrets.ts";
import type { Secrets } from "../secrets/secrets.ts";
import { Docker } from "./docker.ts";
import { ExternalServices } from "./external-services.ts";
import type { Parts } from "./parts.ts";
import { ServiceCommands } from "./service-commands.ts";

const MENDED_BY_HAND = "Fix the file; Luna takes it up by itself.";

interface CreateOptions {
  context: SpecContext;
  deployment: Deployment;
  config: MasterConfigStore;
  secrets: Pick<Secrets, "assign">;
  known: KnownSecrets;
  log: Logger;
  processes: Pick<ProcessTable, "tellServices" | "flush">;
}

/** All parts, nothing of them acting yet. */
export function createExternalServices(options: CreateOptions) {
  const { context, deployment, config, known, secrets, log, processes } = options;
  const { environment, paths } = context;
  const definitions = new Definitions({ paths, bundled: BUNDLED_SERVICES });
  const registry = new Registry({ path: paths.serviceRegistry, routes: paths.serviceRoutes });
  const commands = new ServiceCommands({ context, deployment, secrets: known.values });
  const docker = new Docker(environment);
  const parts: Parts = {
    ...{ context, definitions, registry, commands, docker, secrets, known, config, log },
  };
  const settings = SupervisionSettings.parse({});
  const externalServices = new ExternalServices({
    parts,
    onChange: () => {
      // Tells whoever listens, too.
      void processes.flush();
    },
    periodMs: () => (config.last?.supervision ?? settings).external_health_period_ms,
    clock: () => performance.now(),
  });
  processes.tellServices(() => stateOf(registry));
  return {
    externalServices,
    docker,
    serviceProblems: () => problemsOf(parts, externalServices),
    /** A registry that does not parse keeps services from being watched, and nothing else from starting. */
    load: () => externalServices.load().catch((error: unknown) => log.error(messageOf(error))),
    /** From now on, also what is taken up after an edit by hand. */
    watch: (): void => {
      externalServices.watch();
      watchFiles({
        files: () => [paths.serviceRegistry],
        isDue: () => false,
        onChange: () =>
          externalServices
            .load()
            .then(externalServices.watch)
            .catch((error: unknown) => log.error(messageOf(error))),
      });
    },
  };
}

/** As state.json has it (contract 4.4). */
function stateOf({ last }: Registry): StateFile["external_services"] {
  const entries = Object.entries(last).map(([name, { status, last_health_check: last_check }]) => [
    name,
    { status, last_check },
  ]);
  return entries.length === 0 ? undefined : Object.fromEntries(entries);
}

function fileProblem(id: string, title: string): Finding {
  return { id, severity: "warning", title, detail: "", fix: MENDED_BY_HAND };
}

async function problemsOf(parts: Parts, services: ExternalServices): Promise<Finding[]> {
  const { registry, definitions, docker, context, known } = parts;
  const file = await registry.read().catch(messageOf);
  const broken = typeof file === "string" ? file : registry.problem;
  const told = broken === undefined ? [] : [fileProblem("service-registry", broken)];
  if (typeof file === "string") return told;
  const { byName, problems } = await definitions.read();
  const found = externalServiceProblems({
    registry: file,
    known: (name) => {
      const definition = byName.get(name)?.definition;
      if (definition === undefined) return undefined;
      const sight = services.sightOf(name);
      const look = sight?.look;
      return {
        label: definition.display_name,
        needs_docker: usesDocker(definition),
        restart_on_failure: definition.restart_on_failure,
        why: look !== undefined && "why" in look ? look.why : undefined,
        given_up: sight?.watch.given_up === true,
      };
    },
    docker: docker.last,
    lastLines: (name, lines) =>
      lastLines(context.paths.externalService(name).log, lines).map((line) =>
        redact(line, known.values()),
      ),
  });
  const definitionsTold = problems.map((text) =>
    fileProblem(`service-definition-${Bun.hash(text).toString(36)}`, text),
  );
  return [...told, ...found, ...definitionsTold];
}
