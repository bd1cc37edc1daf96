/** Imports an extension's tool files into this process: only a tool host, or its description run, does that. */
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
import {
  isFunction,
  type Loaded,
  loadPrompt,
  loadResource,
  loadTemplate,
  loadTool,
} from "./load-definition.ts";
import { provideVirtualModules } from "./virtual-modules.ts";

const TOOL_FILE = /^[^.].*_tools\.(?:ts|js)$/;

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
  readonly #load: (entry: unknown) => Loaded<Told> | Promise<Loaded<Told>>;
  readonly #problems: string[];

  constructor(
    kind: CallKind,
    load: (entry: unknown) => Loaded<Told> | Promise<Loaded<Told>>,
    problems: string[],
  ) {
    this.#kind = kind;
    this.#load = load;
    this.#problems = problems;
  }

  async add(entry: unknown, { name, file }: { name: string; file: string }): Promise<void> {
    const cannot = `Cannot load "${name}" of "tools/${file}"`;
    try {
      const one = await this.#load(entry);
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
  readonly tools = new Loading("tool", loadTool, this.problems);
  readonly resources = new Loading("resource", loadResource, this.problems);
  readonly templates = new Loading("template", loadTemplate, this.problems);
  readonly prompts = new Loading("prompt", loadPrompt, this.problems);

  async file(folder: string, file: string): Promise<void> {
    const path = join(folder, file);
    try {
      // A variable path: the compiler must leave this import to run time.
      const imported: unknown = await import(path);
      const module = ToolsModule.safeParse({ ...z.looseObject({}).parse(imported) });
      if (!module.success) throw new Error(explain(module.error), { cause: module.error });
      const { TOOLS, RESOURCES, PROMPTS, SYSTEM_PROMPT: prompt = "" } = module.data;
      for (const [index, entry] of TOOLS.entries()) {
        await this.tools.add(entry, { name: nameOf(entry, `TOOLS[${index}]`), file });
      }
      for (const [index, entry] of RESOURCES.entries()) {
        const isTemplate = z.object({ uri_template: z.unknown() }).safeParse(entry).success;
        const kind = isTemplate ? this.templates : this.resources;
        await kind.add(entry, { name: nameOf(entry, `RESOURCES[${index}]`), file });
      }
      for (const [index, entry] of PROMPTS.entries()) {
        await this.prompts.add(entry, { name: nameOf(entry, `PROMPTS[${index}]`), file });
      }
      const text = z.string().safeParse(typeof prompt === "string" ? prompt : await prompt());
      if (!text.success) throw new Error("SYSTEM_PROMPT() must return a string");
      if (text.data.trim() !== "") this.systemPrompts.push(text.data.trim());
    } catch (error) {
      this.problems.push(`Cannot load "tools/${file}": ${importFault(error, path)}`);
    }
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

async function toolFiles(tools: string): Promise<string[]> {
  try {
    return (await readdir(tools)).filter((name) => TOOL_FILE.test(name));
  } catch (cause) {
    throw new InvalidInputError(`Cannot load tools from "${tools}": ${messageOf(cause)}`, {
      cause,
    });
  }
}

/** Imports `tools/*_tools.ts` and `.js` of the extension in `folder`; a file that fails costs only itself. */
export async function loadTools(folder: string): Promise<LoadedTools> {
  provideVirtualModules();
  const path = join(folder, "tools");
  const loading = new LoadingFiles();
  const files = (await toolFiles(path)).sort();
  for (const file of files) await loading.file(path, file);
  const { tools, resources, templates, prompts, callables, problems } = loading;
  return {
    system_prompt: loading.systemPrompts.join("\n\n"),
    tools: tools.descriptions,
    resources: resources.descriptions,
    templates: templates.descriptions,
    prompts: prompts.descriptions,
    callables,
    problems,
  };
}
