/** The one list of tools that the agent API, MCP and the Hub see: read from descriptions, without running any tool. */
import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import type { MasterConfigStore } from "../config/master-config.ts";
import type { Paths } from "../config/paths.ts";
import type { MasterConfig } from "../contract/config.ts";
import {
  type PromptDescription,
  type ResourceDescription,
  type TemplateDescription,
  type ToolDescription,
  ToolsFile,
} from "../contract/tool.ts";
import { messageOf } from "../lib/errors.ts";
import { readJsonIfThere } from "../lib/files.ts";
import { freeName } from "./offered-names.ts";

type OfExtension<Told> = Told & { extension: string };

type CatalogueTool = OfExtension<ToolDescription> & {
  /** Its name in its extension, when another extension's tool has that: `name` is the one that everybody uses. */
  own_name?: string;
};

export interface Catalogue {
  /** In the order of extensions' names, then of their files. */
  tools: readonly CatalogueTool[];
  byName: ReadonlyMap<string, CatalogueTool>;
  resources: readonly OfExtension<ResourceDescription>[];
  templates: readonly OfExtension<TemplateDescription>[];
  prompts: readonly OfExtension<PromptDescription>[];
  system_prompts: readonly { extension: string; text: string }[];
  /** What could not be read or loaded, one sentence each. */
  problems: readonly string[];
}

interface CatalogueOptions {
  paths: Paths;
  config: MasterConfigStore;
}

/** A folder that changed longer ago shows its next change in its time, however coarse the clock of files is. */
const SETTLED_MS = 2_000;

interface DescribedExtension {
  name: string;
  /** Changes whenever the description does. */
  stamp: string;
}

/** Gathers one kind of thing by name: who was there first keeps it. */
class Gathered<Told> {
  readonly byName = new Map<string, OfExtension<Told>>();
  readonly #kind: string;
  readonly #problems: string[];

  constructor(kind: string, problems: string[]) {
    this.#kind = kind;
    this.#problems = problems;
  }

  add(name: string, one: OfExtension<Told>): void {
    const other = this.byName.get(name);
    if (other === undefined) this.byName.set(name, one);
    else {
      this.#problems.push(
        `Cannot offer "${name}" of "${one.extension}": "${other.extension}" has a ${this.#kind} of that name already`,
      );
    }
  }

  get all(): OfExtension<Told>[] {
    return [...this.byName.values()];
  }
}

/** All tools under names of their own: who was there first keeps a name, the next one's is made longer. */
class GatheredTools {
  readonly byName = new Map<string, CatalogueTool>();
  readonly #problems: string[];

  constructor(problems: string[]) {
    this.#problems = problems;
  }

  /** @param tools all those of the extension, each with another name */
  add(extension: string, tools: readonly ToolDescription[]): void {
    const isTaken = ({ name }: ToolDescription): boolean => this.byName.has(name);
    const doubles = tools.filter(isTaken);
    // Its other tools first: their names are theirs.
    for (const tool of tools) {
      if (!isTaken(tool)) this.byName.set(tool.name, { ...tool, extension });
    }
    for (const { name: own_name, ...tool } of doubles) {
      const name = freeName(extension, own_name, this.byName);
      const owner = this.byName.get(own_name)?.extension;
      this.byName.set(name, { ...tool, name, own_name, extension });
      this.#problems.push(
        `The tool "${own_name}" of "${extension}" is offered as "${name}": "${owner}" has a tool of that name already`,
      );
    }
  }
}

function buildCatalogue(files: readonly ToolsFile[], unreadable: readonly string[]): Catalogue {
  const problems = [...unreadable];
  const tools = new GatheredTools(problems);
  const resources = new Gathered<ResourceDescription>("resource", problems);
  const templates = new Gathered<TemplateDescription>("resource template", problems);
  const prompts = new Gathered<PromptDescription>("prompt", problems);
  const system_prompts: { extension: string; text: string }[] = [];
  for (const { extension, system_prompt, problems: own, ...told } of files) {
    problems.push(...own.map((problem) => `Extension "${extension}": ${problem}`));
    if (system_prompt !== "") system_prompts.push({ extension, text: system_prompt });
    tools.add(extension, told.tools);
    for (const one of told.resources) resources.add(one.uri, { ...one, extension });
    for (const one of told.templates) templates.add(one.uri_template, { ...one, extension });
    for (const prompt of told.prompts) prompts.add(prompt.name, { ...prompt, extension });
  }
  return {
    tools: [...tools.byName.values()],
    byName: tools.byName,
    resources: resources.all,
    templates: templates.all,
    prompts: prompts.all,
    system_prompts,
    problems,
  };
}

export class ToolCatalogue {
  readonly #paths: Paths;
  readonly #config: MasterConfigStore;
  #stamp: string | undefined;
  /** What the last scan was made from; undefined when the same again would prove nothing. */
  #seen: { extensions: MasterConfig["extensions"]; folders: string } | undefined;
  #catalogue: Promise<Catalogue> | undefined;
  #hasUnreadable = false;

  constructor({ paths, config }: CatalogueOptions) {
    this.#paths = paths;
    this.#config = config;
  }

  /**
   * The tools of every enabled extension as they are described now.
   * The same object comes back as long as nothing changed: two stat calls, however many extensions there are.
   * @param config as it is now, when the caller has read it already
   */
  async read(config?: Pick<MasterConfig, "extensions">): Promise<Catalogue> {
    const { extensions } = config ?? (await this.#config.read());
    const { folders, settled } = this.#folders();
    const isSeen = this.#seen?.extensions === extensions && this.#seen.folders === folders;
    if (this.#catalogue !== undefined && isSeen) return this.#catalogue;
    const described = this.#described(extensions);
    const stamp = described.map(({ name, stamp }) => `${name}:${stamp}`).join("\n");
    if (this.#catalogue === undefined || stamp !== this.#stamp) {
      this.#stamp = stamp;
      this.#catalogue = this.#load(described.map(({ name }) => name));
    }
    const catalogue = await this.#catalogue;
    // Mended by hand, a file may change without its folder.
    const isWhole = !this.#hasUnreadable;
    this.#seen = settled && isWhole ? { extensions, folders } : undefined;
    return catalogue;
  }

  /**
   * The times of the folders of descriptions and of extensions: they change when an entry comes, goes or
   * is replaced, and descriptions are only ever replaced. Synchronous stats: microseconds each.
   */
  #folders(): { folders: string; settled: boolean } {
    const now = Date.now();
    const times = [this.#paths.tools, this.#paths.extensions].map((folder) =>
      statSync(folder, { throwIfNoEntry: false }),
    );
    return {
      folders: times.map((stats) => `${stats?.ino}:${stats?.mtimeMs}`).join("\n"),
      settled: times.every((stats) => stats === undefined || now - stats.mtimeMs > SETTLED_MS),
    };
  }

  /** The enabled extensions that are there and described. */
  #described(extensions: MasterConfig["extensions"]): DescribedExtension[] {
    const described: DescribedExtension[] = [];
    const files = existsSync(this.#paths.tools) ? readdirSync(this.#paths.tools).sort() : [];
    // Who was there first keeps a tool's name: the configuration lists extensions as they came.
    const rank = new Map(Object.keys(extensions).map((name, index) => [`${name}.json`, index]));
    files.sort((a, b) => (rank.get(a) ?? files.length) - (rank.get(b) ?? files.length));
    for (const file of files) {
      const name = file.slice(0, -".json".length);
      // Temporary files of a writer have a dot in what would be the name.
      if (!file.endsWith(".json") || name.includes(".")) continue;
      if (extensions[name]?.enabled === false) continue;
      if (!existsSync(join(this.#paths.extensions, name))) continue;
      const options = { bigint: true, throwIfNoEntry: false } as const;
      const stats = statSync(this.#paths.toolsFile(name), options);
      if (stats === undefined) continue;
      described.push({ name, stamp: `${stats.ino}:${stats.size}:${stats.mtimeNs}` });
    }
    return described;
  }

  async #load(names: readonly string[]): Promise<Catalogue> {
    const files: ToolsFile[] = [];
    const unreadable: string[] = [];
    for (const name of names) {
      try {
        const file = await readJsonIfThere(this.#paths.toolsFile(name), ToolsFile);
        if (file !== undefined) files.push({ ...file, extension: name });
      } catch (error) {
        unreadable.push(messageOf(error));
      }
    }
    this.#hasUnreadable = unreadable.length > 0;
    return buildCatalogue(files, unreadable);
  }
}
