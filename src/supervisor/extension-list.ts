/** The installed extensions as they are at this moment: what runs of each, and what is wrong with it. */
import type { MasterConfigStore } from "../config/master-config.ts";
import type { Paths } from "../config/paths.ts";
import type { MasterConfig } from "../contract/config.ts";
import type { ExtensionProblem, ExtensionView } from "../contract/extension.ts";
import type { ProcessView } from "../contract/process.ts";
import { ToolsFile } from "../contract/tool.ts";
import { discoverExtensions, type Extension } from "../extensions/discovery.ts";
import { accessOf } from "../extensions/exposure.ts";
import { readToolConfig, TOOL_CONFIG_FILE } from "../extensions/manifest.ts";
import { type OwnProcess, ownProcesses } from "../extensions/own-processes.ts";
import { problemOf } from "../extensions/problem.ts";
import { readJsonIfThere } from "../lib/files.ts";
import { processName } from "./extension-processes.ts";
import type { MissingSecret } from "./problems/secrets.ts";

const UNKNOWN_VERSION = "unknown";

interface ExtensionListOptions {
  paths: Paths;
  config: MasterConfigStore;
  processes: { views(): readonly ProcessView[] };
  missingSecrets(): readonly MissingSecret[];
  /** Why the tools of an extension could not be loaded when that was tried last, in a sentence. */
  toolFailure(extension: string): string | undefined;
}

type Entry = MasterConfig["extensions"][string] | undefined;

export class Extensions {
  readonly #options: ExtensionListOptions;

  constructor(options: ExtensionListOptions) {
    this.#options = options;
  }

  /** Those that can be used, then those that cannot, each in the order of their names. */
  async list(): Promise<ExtensionView[]> {
    const { paths, config, processes } = this.#options;
    const { extensions, broken, problems } = await discoverExtensions(paths.extensions);
    const entries = (await config.read()).extensions;
    const views = new Map(processes.views().map((view) => [view.name, view]));
    const problemsOf = (name: string) => problems.filter(({ extension }) => extension === name);
    const usable = extensions.map(async (extension) => {
      const { name } = extension;
      const view = await this.#view(extension, { entry: entries[name], views });
      return { ...view, problems: [...problemsOf(name), ...view.problems] };
    });
    const unusable = broken.map((name) => ({
      ...unusableView(name, entries[name]),
      problems: problemsOf(name),
    }));
    return [...(await Promise.all(usable)), ...unusable];
  }

  async #view(
    extension: Extension,
    { entry, views }: { entry: Entry; views: ReadonlyMap<string, ProcessView> },
  ): Promise<ExtensionView> {
    const { name, manifest } = extension;
    const own = await ownProcesses(extension);
    const tools = await this.#tools(extension);
    const ui = own.processes.find(({ service }) => service === undefined);
    const missing = this.#options
      .missingSecrets()
      .filter(({ extensions }) => extensions.includes(name));
    return {
      ...unusableView(name, entry),
      description: manifest.description ?? "",
      version: manifest.version || UNKNOWN_VERSION,
      ui: ui === undefined ? null : { ...partOf(ui, views), url: `/ext/${name}` },
      services: own.processes.flatMap((one) => serviceView(one, views)),
      tool_count: tools.count,
      missing_secrets: missing.map((secret) => secret.name),
      problems: [...own.problems, ...tools.problems],
    };
  }

  /** What is known of its tools without running it. */
  async #tools({ name, path }: Extension) {
    const problems: ExtensionProblem[] = [];
    const attempt = async <Read>(file: string, read: () => Promise<Read>) => {
      try {
        return await read();
      } catch (error) {
        problems.push(problemOf(error, { extension: name, file }));
        return undefined;
      }
    };
    await attempt(TOOL_CONFIG_FILE, () => readToolConfig(path));
    const described = await attempt("tools", () =>
      readJsonIfThere(this.#options.paths.toolsFile(name), ToolsFile),
    );
    const failure = this.#options.toolFailure(name);
    const told = [...(described?.problems ?? []), ...(failure === undefined ? [] : [failure])];
    for (const message of told) {
      const fix = "Correct the extension's tools; `luna ext check` shows more.";
      problems.push({ ...{ extension: name, file: "tools" }, message, fix });
    }
    return { count: described?.tools.length ?? 0, problems };
  }
}

/** What is known of a folder whose manifest cannot be read. */
function unusableView(name: string, entry: Entry): ExtensionView {
  return {
    ...{ name, description: "", version: UNKNOWN_VERSION },
    ...{ enabled: entry?.enabled ?? true, source: entry?.source ?? "local" },
    ...{ ui: null, services: [], tool_count: 0, missing_secrets: [], problems: [] },
  };
}

function partOf(one: OwnProcess, views: ReadonlyMap<string, ProcessView>) {
  const view = views.get(processName(one));
  const { port = null, pid = null, status = "stopped" } = view ?? {};
  return { status, port, pid };
}

function serviceView(one: OwnProcess, views: ReadonlyMap<string, ProcessView>) {
  const { extension, service, config } = one;
  if (service === undefined) return [];
  const { requires_port, public_exposure } = config;
  const access = requires_port ? accessOf(public_exposure) : "none";
  const path = public_exposure?.route_prefix ?? `/api/${extension}/${service}`;
  const url = access === "none" ? null : `${path}/`;
  return [{ ...partOf(one, views), name: service, requires_port, url, access }];
}
