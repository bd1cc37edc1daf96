/** The processes that an extension brings along: its UI and its services, each with a `start.sh` (specification 7.1). */
import { existsSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { type ExtensionProblem, PublicExposure, ServiceConfig } from "../contract/extension.ts";
import { ThingName } from "../contract/names.ts";
import { readJsonIfThere } from "../lib/files.ts";
import type { Extension } from "./discovery.ts";
import { isOwnPrefix } from "./exposure.ts";
import { problemOf } from "./problem.ts";

const START_FILE = "start.sh";
const CONFIG_FILE = "service_config.json";

export interface OwnProcess {
  extension: string;
  /** undefined for the UI. */
  service: string | undefined;
  /** Its working directory, which holds `start.sh`. */
  folder: string;
  config: ServiceConfig;
}

interface OwnProcesses {
  processes: OwnProcess[];
  problems: ExtensionProblem[];
}

/** A UI always gets a port, and is well when it accepts connections. */
const UI_CONFIG = ServiceConfig.parse({ requires_port: true });

async function serviceFolders(folder: string): Promise<string[]> {
  if (!existsSync(folder)) return [];
  const entries = await readdir(folder, { withFileTypes: true });
  return entries.flatMap((entry) => (entry.isDirectory() ? [entry.name] : [])).sort();
}

/** What the extension wants to run; a service that cannot be used costs only itself. */
export async function ownProcesses({ name, path }: Extension): Promise<OwnProcesses> {
  const processes: OwnProcess[] = [];
  const problems: ExtensionProblem[] = [];
  const ui = join(path, "ui");
  if (existsSync(join(ui, START_FILE))) {
    processes.push({ extension: name, service: undefined, folder: ui, config: UI_CONFIG });
  }
  for (const service of await serviceFolders(join(path, "services"))) {
    const folder = join(path, "services", service);
    const own = { extension: name, file: `services/${service}` };
    const { error } = ThingName.safeParse(service);
    if (error !== undefined) {
      const message = `Cannot use "${folder}": its name ${error.issues[0]?.message}`;
      problems.push({ ...own, message, fix: "Give the folder another name." });
    } else if (!existsSync(join(folder, START_FILE))) {
      const message = `Cannot use "${folder}": it has no ${START_FILE}`;
      problems.push({ ...own, message, fix: `Put a ${START_FILE} there that runs the service.` });
    } else {
      try {
        const file = await readJsonIfThere(join(folder, CONFIG_FILE), ServiceConfig);
        const config = file ?? ServiceConfig.parse({});
        processes.push({ extension: name, service, folder, config });
      } catch (error) {
        problems.push(problemOf(error, { ...own, file: `${own.file}/${CONFIG_FILE}` }));
      }
    }
  }
  return { processes, problems: [...problems, ...takeBadPrefixes(processes)] };
}

/** Why the service cannot have its prefix, when it cannot. */
function prefixFault(prefix: string, one: OwnProcess, all: readonly OwnProcess[]) {
  const { extension, service } = one;
  if (!isOwnPrefix(prefix, extension)) {
    return `it should be /api/${extension} or a path below it`;
  }
  const other = all.find(
    (each) =>
      each.service !== undefined &&
      each.service !== service &&
      (prefix === `/api/${extension}/${each.service}` ||
        (each.config.public_exposure?.route_prefix === prefix &&
          all.indexOf(each) < all.indexOf(one))),
  );
  return other === undefined ? undefined : `the service "${other.service}" has that path`;
}

/** A service whose prefix is not its own to have goes on without it. */
function takeBadPrefixes(processes: OwnProcess[]): ExtensionProblem[] {
  const problems: ExtensionProblem[] = [];
  for (const [index, one] of processes.entries()) {
    const { extension, folder, config } = one;
    const prefix = config.public_exposure?.route_prefix;
    const fault = prefix === undefined ? undefined : prefixFault(prefix, one, processes);
    if (fault === undefined) continue;
    const { route_prefix: _, ...public_exposure } = config.public_exposure ?? {};
    const exposure = PublicExposure.parse(public_exposure);
    processes[index] = { ...one, config: { ...config, public_exposure: exposure } };
    problems.push({
      ...{ extension, file: `services/${one.service}/${CONFIG_FILE}` },
      field: "public_exposure.route_prefix",
      message: `Cannot use the route_prefix "${prefix}" of "${join(folder, CONFIG_FILE)}": ${fault}`,
      fix: "Choose another path; until then the service has its own alone.",
    });
  }
  return problems;
}
