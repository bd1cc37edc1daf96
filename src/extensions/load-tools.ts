/** Imports an extension's tool files into this process: only a tool host, or its description run, does that. */
import { existsSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { z } from "zod";
import type {
  PromptDescription,
  ResourceDescription,
  TemplateDescription,
  ToolDescription,
} from "../contract/tool.ts";
import type { CallKind } from "../contract/tool-call.ts";
import { InvalidInputError, messageOf } from "../lib/errors.ts";
import { explain } from "../lib/explain.ts";
import type { Callable } from "./callable.ts";
import type { ForeignFiles } from "./foreign-files.ts";
import {
  isFunction,
  type Loaded,
  loadForeignTool,
  loadPrompt,
  loadResource,
  loadTemplate,
  loadTool,
  loadUpstreamTool,
} from "./load-definition.ts";
import type { UpstreamServers } from "./upstream-tools.ts";
import { provideVirtualModules } from "./virtual-modules.ts";

const TOOL_FILE = /^[^.].*_tools\.(?:ts|js|py)$/;
const FOREIGN = ".py";

const list = (what: string) => z.array(z.unknown(), `must be exported as an array of ${what}`);

const ToolsModule = z.object({
  TOOLS: list("tools"),
  RESOURCES: list("resources").default([]),
  PROMPTS: list("prompts").default([]),
  SYSTEM_PROMPT: z
    .union([z.string(), z.custom<() => unknown>(isFunction)], "must be a string or a function")
    .optional(),
});

export interface LoadedTools {
  /** The prompts of all files, in the order of the files. */
  system_prompt: string;
  tools: readonly ToolDescription[];
  resources: readonly ResourceDescription[];
  templates: readonly TemplateDescription[];
  prompts: readonly PromptDescription[];
  /** How each of them is called. */
  callables: readonly Callable[];
  /** Files and definitions that could not be loaded, one sentence each. */
  problems: readonly string[];
  /** Some of it is not as its author meant it, whoever loads it; a server that is away is no such thing. */
  isBroken: boolean;
  /** What runs some of the files is not on this machine, or a server is away: another time they may be there. */
  isPartial: boolean;
}

const Named = z.object({ name: z.string().min(1) });

function nameOf(entry: unknown, fallback: string): string {
  const named = Named.safeParse(entry);
  if (named.success) return named.data.name;
  return isFunction(entry) && entry.name !== "" ? entry.name : fallback;
}

/** A list of one kind: the first of a name is taken. */
class Loading<Told> {
  readonly loaded = new Map<string, Loaded<Told> & { file: string }>();
  readonly #kind: CallKind;
  readonly #problems: string[];

  constructor(kind: CallKind, problems: string[]) {
    this.#kind = kind;
    this.#problems = problems;
  }

  async add(
    load: () => Loaded<Told> | Promise<Loaded<Told>>,
    { name, file }: { name: string; file: string },
  ): Promise<void> {
    const cannot = `Cannot load "${name}" of "tools/${file}"`;
    try {
      const one = await load();
      const other = this.loaded.get(one.callable.name);
      if (other === undefined) this.loaded.set(one.callable.name, { ...one, file });
      else {
        this.#problems.push(
          `${cannot}: "tools/${other.file}" has a ${this.#kind} of that name already`,
        );
      }
    } catch (error) {
      this.#problems.push(`${cannot}: ${messageOf(error)}`);
    }
  }

  get descriptions(): Told[] {
    return [...this.loaded.values()].map(({ description }) => description);
  }
}

class LoadingFiles {
  readonly systemPrompts: string[] = [];
  readonly problems: string[] = [];
  readonly tools = new Loading<ToolDescription>("tool", this.problems);
  readonly resources = new Loading<ResourceDescription>("resource", this.problems);
  readonly templates = new Loading<TemplateDescription>("template", this.problems);
  readonly prompts = new Loading<PromptDescription>("prompt", this.problems);

  async file(folder: string, file: string): Promise<void> {
    const path = join(folder, file);
    try {
      // A variable path: the compiler must leave this import to run time.
      const imported: unknown = await import(path);
      const module = ToolsModule.safeParse({ ...z.looseObject({}).parse(imported) });
      if (!module.success) throw new Error(explain(module.error), { cause: module.error });
      const { TOOLS, RESOURCES, PROMPTS, SYSTEM_PROMPT: prompt = "" } = module.data;
      for (const [index, entry] of TOOLS.entries()) {
        await this.tools.add(() => loadTool(entry), {
          name: nameOf(entry, `TOOLS[${index}]`),
          file,
        });
      }
      for (const [index, entry] of RESOURCES.entries()) {
        const isTemplate = z.object({ uri_template: z.unknown() }).safeParse(entry).success;
        const from = { name: nameOf(entry, `RESOURCES[${index}]`), file };
        if (isTemplate) await this.templates.add(() => loadTemplate(entry), from);
        else await this.resources.add(() => loadResource(entry), from);
      }
      for (const [index, entry] of PROMPTS.entries()) {
        await this.prompts.add(() => loadPrompt(entry), {
          name: nameOf(entry, `PROMPTS[${index}]`),
          file,
        });
      }
      const text = z.string().safeParse(typeof prompt === "string" ? prompt : await prompt());
      if (!text.success) throw new Error("SYSTEM_PROMPT() must return a string");
      if (text.data.trim() !== "") this.systemPrompts.push(text.data.trim());
    } catch (error) {
      this.problems.push(`Cannot load "tools/${file}": ${importFault(error, path)}`);
    }
  }

  /** Files of another language, by whoever runs them. */
  async foreign(folder: string, files: readonly string[], runner: ForeignFiles): Promise<void> {
    for (const { file, tools, system_prompt, problems } of await runner.load(folder, files)) {
      for (const tool of tools) {
        const { name } = tool;
        const run: Callable["run"] = (args, context) => runner.call(name, args, context.signal);
        const load = () => loadForeignTool(tool, run);
        await this.tools.add(load, { name, file });
      }
      for (const { tool, text } of problems) {
        const what = tool === undefined ? `"tools/${file}"` : `"${tool}" of "tools/${file}"`;
        this.problems.push(`Cannot load ${what}: ${text}`);
      }
      // Files that repeat it mean the same one.
      const isNew = system_prompt !== "" && !this.systemPrompts.includes(system_prompt);
      if (isNew) this.systemPrompts.push(system_prompt);
    }
  }

  /** @returns whether a server could not be asked: another time it may be */
  async upstreams(servers: UpstreamServers): Promise<boolean> {
    let isPartial = false;
    for (const { server, tools, problem } of await servers.load()) {
      for (const { description, run } of tools) {
        const from = { name: description.name, file: `the MCP server ${server}` };
        await this.tools.add(() => loadUpstreamTool(description, run), from);
      }
      if (problem === undefined) continue;
      isPartial = true;
      this.problems.push(`Cannot list the tools of the MCP server "${server}": ${problem}`);
    }
    return isPartial;
  }

  get callables(): Callable[] {
    const kinds = [this.tools, this.resources, this.templates, this.prompts];
    return kinds.flatMap(({ loaded }) => [...loaded.values()].map(({ callable }) => callable));
  }
}

/** A syntax error knows where it is; several of them come in one error. */
const Positioned = z.looseObject({
  message: z.string(),
  position: z.looseObject({ file: z.string(), line: z.number(), column: z.number() }),
});

/** The place of a thrown error that is the extension's own: `tools/store.ts:12:7`. */
function thrownAt(error: unknown, extension: string): string {
  const stack = error instanceof Error ? (error.stack ?? "") : "";
  const at = stack.indexOf(`${extension}/`);
  const place = at < 0 ? "" : /^[^\s()]+:\d+:\d+/.exec(stack.slice(at + extension.length + 1))?.[0];
  return place ? ` (${place})` : "";
}

/** What is wrong with the file at `path`, or with one that it imports, and where. */
function importFault(error: unknown, path: string): string {
  const first = error instanceof AggregateError ? error.errors[0] : error;
  const parsed = Positioned.safeParse(first);
  const extension = dirname(dirname(path));
  if (!parsed.success) return messageOf(error) + thrownAt(error, extension);
  const { message, position } = parsed.data;
  const { file, line, column } = position;
  const other = file === "" || file === path ? "" : `"${relative(extension, file)}", `;
  return `${other}line ${line}, column ${column}: ${message}`;
}

async function toolFiles(tools: string, isOptional: boolean): Promise<string[]> {
  if (isOptional && !existsSync(tools)) return [];
  try {
    return (await readdir(tools)).filter((name) => TOOL_FILE.test(name));
  } catch (cause) {
    throw new InvalidInputError(`Cannot load tools from "${tools}": ${messageOf(cause)}`, {
      cause,
    });
  }
}

/** Who loads what is not imported into this process. */
export interface OtherLoaders {
  /** Of Python files. */
  foreign?: ForeignFiles | undefined;
  /** Of the tools of other MCP servers; an extension that has some needs no files of its own. */
  upstreams?: UpstreamServers | undefined;
}

/**
 * Imports `tools/*_tools.ts` and `.js` of the extension in `folder`, and has others load the rest; what fails costs
 * only itself.
 */
export async function loadTools(
  folder: string,
  { foreign, upstreams }: OtherLoaders = {},
): Promise<LoadedTools> {
  provideVirtualModules();
  const path = join(folder, "tools");
  const loading = new LoadingFiles();
  const files = (await toolFiles(path, upstreams !== undefined)).sort();
  const others = files.filter((file) => file.endsWith(FOREIGN));
  for (const file of files) if (!file.endsWith(FOREIGN)) await loading.file(path, file);
  if (foreign !== undefined && others.length > 0) await loading.foreign(path, others, foreign);
  const isBroken = loading.problems.length > 0;
  const isPartial = upstreams !== undefined && (await loading.upstreams(upstreams));
  const { tools, resources, templates, prompts, callables, problems } = loading;
  return {
    system_prompt: loading.systemPrompts.join("\n\n"),
    tools: tools.descriptions,
    resources: resources.descriptions,
    templates: templates.descriptions,
    prompts: prompts.descriptions,
    callables,
    problems,
    isBroken,
    isPartial: isPartial || foreign?.isMissing === true,
  };
}
