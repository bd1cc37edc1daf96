/** The processes that an extension brings along: its UI and its services, each with a `start.sh` (specification 7.1). */
import { existsSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { ServiceConfig } from "../contract/extension.ts";
import { ThingName } from "../contract/names.ts";
import { messageOf } from "../lib/errors.ts";
import { readJsonIfThere } from "../lib/files.ts";
import type { Extension } from "./discovery.ts";

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
  /** One sentence each. */
  problems: string[];
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
  const problems: string[] = [];
  const ui = join(path, "ui");
  if (existsSync(join(ui, START_FILE))) {
    processes.push({ extension: name, service: undefined, folder: ui, config: UI_CONFIG });
  }
  for (const service of await serviceFolders(join(path, "services"))) {
    const folder = join(path, "services", service);
    const checked = ThingName.safeParse(service);
    if (!checked.success) {
      problems.push(`Cannot use "${folder}": its name ${checked.error.issues[0]?.message}`);
    } else if (!existsSync(join(folder, START_FILE))) {
      problems.push(`Cannot use "${folder}": it has no ${START_FILE}`);
    } else {
      try {
        const file = await readJsonIfThere(join(folder, CONFIG_FILE), ServiceConfig);
        const config = file ?? ServiceConfig.parse({});
        processes.push({ extension: name, service, folder, config });
      } catch (error) {
        problems.push(messageOf(error));
      }
    }
  }
  return { processes, problems };
}
