/** `luna svc list` and `luna svc show <name>`. */
import type { Environment } from "../../config/environment.ts";
import { AvailableServices, RegistryFile, ServiceView } from "../../contract/external-service.ts";
import { readArguments } from "../arguments.ts";
import { Control } from "../control.ts";
import { table } from "../table.ts";
import { SVC_USAGE } from "../usage.ts";
import { servicePath } from "./operate.ts";

const FLAG = { type: "boolean", default: false } as const;

const say = (text: string): void => void process.stdout.write(`${text}\n`);

export async function listServices(environment: Environment, args: string[]): Promise<number> {
  const { values } = readArguments(args, { usage: SVC_USAGE.list, options: { json: FLAG } });
  const control = await Control.of(environment);
  const { services, problems } = await control.ask(
    "/api/external-services/available",
    AvailableServices,
  );
  const installed = await control.ask("/api/external-services/installed", RegistryFile);
  if (values.json) {
    say(JSON.stringify({ services, installed, problems }, null, 2));
    return 0;
  }
  const names = [...new Set([...services.map(({ name }) => name), ...Object.keys(installed)])];
  const rows = names.map((name) => {
    const entry = installed[name];
    const status =
      entry === undefined ? "not installed" : entry.installed ? entry.status : "failed";
    const about = services.find((service) => service.name === name);
    return [name, status, entry?.ui?.path_with_slash ?? "", about?.display_name ?? ""];
  });
  say(table([["NAME", "STATUS", "PAGE", "WHAT IT IS"], ...rows]));
  for (const problem of problems) say(problem);
  return 0;
}

function textOf(
  { definition, registry_entry: entry, config, activity }: ServiceView,
  name: string,
) {
  const status =
    entry === null ? "not installed" : (entry.install_error ?? activity ?? entry.status);
  const settings = Object.entries(config ?? {}).map(([field, value]) => [`  ${field}`, `${value}`]);
  const commands = Object.entries(definition?.commands ?? {}).map(([command, text]) => [
    `  ${command}`,
    `${text}`,
  ]);
  return table([
    ["Service", definition?.display_name ?? name],
    ["Status", status],
    ...(entry === null ? [] : [["Starts with the machine", entry.enabled ? "yes" : "no"]]),
    ...(entry?.ui === undefined ? [] : [["Page", entry.ui.path_with_slash]]),
    ...(entry === null ? [] : [["Sets in .env", entry.provided.join(", ") || "nothing"]]),
    ...(settings.length === 0 ? [] : [["Settings", ""], ...settings]),
    ...(commands.length === 0 ? [] : [["Commands", ""], ...commands]),
  ]);
}

export async function showService(environment: Environment, args: string[]): Promise<number> {
  const { positionals, values } = readArguments(args, {
    ...{ usage: SVC_USAGE.show, options: { json: FLAG }, words: { min: 1, max: 1 } },
  });
  const [name = ""] = positionals;
  const view = await (await Control.of(environment)).ask(servicePath(name), ServiceView);
  say(values.json ? JSON.stringify(view, null, 2) : textOf(view, name));
  return 0;
}
