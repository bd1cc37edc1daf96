/** Imports an extension's tool files into this process: only a tool host, or its description run, does that. */
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { ToolName } from "../contract/names.ts";
import { InputSchema, ToolAnnotations, ToolDescription, ToolExample } from "../contract/tool.ts";
import { InvalidInputError, messageOf } from "../lib/errors.ts";
import { explain } from "../lib/explain.ts";
import { definitionOfFunction } from "./plain-function.ts";
import type { ToolDefinition } from "./sdk.ts";
import { provideVirtualModules } from "./virtual-modules.ts";

const TOOL_FILE = /^[^.].*_tools\.(?:ts|js)$/;
const DESCRIPTION_LENGTH_MAX = 16_384;
const TIMEOUT_MAX_MS = 3_600_000;

type AnyFunction = (...given: never[]) => unknown;
const isFunction = (value: unknown): value is AnyFunction => typeof value === "function";

const ToolsModule = z.object({
  TOOLS: z.array(z.unknown(), "must be exported as an array of tools"),
  SYSTEM_PROMPT: z
    .union([z.string(), z.custom<() => unknown>(isFunction)], "must be a string or a function")
    .optional(),
});

const Definition = z.object({
  name: ToolName,
  description: z.string().trim().min(1).max(DESCRIPTION_LENGTH_MAX),
  input: z.custom<z.ZodObject>((value) => value instanceof z.ZodObject, "must be a z.object({…})"),
  example: ToolExample.optional(),
  annotations: ToolAnnotations.optional(),
  timeout_ms: z.int().positive().max(TIMEOUT_MAX_MS).optional(),
  run: z.custom<ToolDefinition["run"]>(isFunction, "must be a function"),
});

export interface LoadedTool {
  description: ToolDescription;
  input: z.ZodObject;
  run: ToolDefinition["run"];
}

export interface LoadedTools {
  /** The prompts of all files, in the order of the files. */
  system_prompt: string;
  tools: readonly LoadedTool[];
  /** Files and tools that could not be loaded, one sentence each. */
  problems: readonly string[];
}

/** The schema without its own address, which would go to the model with every tool. */
function inputSchemaOf(input: z.ZodObject): InputSchema {
  const options = { target: "draft-2020-12", io: "input" } as const;
  const { $schema: _, ...schema } = z.toJSONSchema(input, options);
  return InputSchema.parse(schema);
}

function loadTool(entry: unknown): LoadedTool {
  const parsed = Definition.safeParse(isFunction(entry) ? definitionOfFunction(entry) : entry);
  if (!parsed.success) throw new Error(explain(parsed.error), { cause: parsed.error });
  const { input, run, ...told } = parsed.data;
  const described = { ...told, input_schema: inputSchemaOf(input) };
  // Through JSON, as everybody else will read it: what JSON cannot say is found here.
  const description = ToolDescription.parse(JSON.parse(JSON.stringify(described)));
  return { description, input, run };
}

function nameOf(entry: unknown, index: number): string {
  const named = z.object({ name: z.string().min(1) }).safeParse(entry);
  if (named.success) return named.data.name;
  return isFunction(entry) && entry.name !== "" ? entry.name : `TOOLS[${index}]`;
}

class Loading {
  readonly tools = new Map<string, { tool: LoadedTool; file: string }>();
  readonly prompts: string[] = [];
  readonly problems: string[] = [];

  async file(folder: string, file: string): Promise<void> {
    const path = join(folder, file);
    try {
      // A variable path: the compiler must leave this import to run time.
      const imported: unknown = await import(path);
      const module = ToolsModule.safeParse({ ...z.looseObject({}).parse(imported) });
      if (!module.success) throw new Error(explain(module.error), { cause: module.error });
      for (const [index, entry] of module.data.TOOLS.entries()) this.#tool(entry, index, file);
      const prompt = module.data.SYSTEM_PROMPT ?? "";
      const text = z.string().safeParse(typeof prompt === "string" ? prompt : await prompt());
      if (!text.success) throw new Error("SYSTEM_PROMPT() must return a string");
      if (text.data.trim() !== "") this.prompts.push(text.data.trim());
    } catch (error) {
      this.problems.push(`Cannot load "tools/${file}": ${importFault(error)}`);
    }
  }

  #tool(entry: unknown, index: number, file: string): void {
    const name = nameOf(entry, index);
    const other = this.tools.get(name);
    if (other !== undefined) {
      this.problems.push(
        `Cannot load "${name}" of "tools/${file}": "tools/${other.file}" has a tool of that name already`,
      );
      return;
    }
    try {
      this.tools.set(name, { tool: loadTool(entry), file });
    } catch (error) {
      this.problems.push(`Cannot load "${name}" of "tools/${file}": ${messageOf(error)}`);
    }
  }
}

/** A syntax error knows where it is; several of them come in one error. */
const Positioned = z.looseObject({
  message: z.string(),
  position: z.looseObject({ line: z.number(), column: z.number() }),
});

function importFault(error: unknown): string {
  const first = error instanceof AggregateError ? error.errors[0] : error;
  const parsed = Positioned.safeParse(first);
  if (!parsed.success) return messageOf(error);
  const { message, position } = parsed.data;
  return `line ${position.line}, column ${position.column}: ${message}`;
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
  const tools = join(folder, "tools");
  const loading = new Loading();
  const files = (await toolFiles(tools)).sort();
  for (const file of files) await loading.file(tools, file);
  return {
    system_prompt: loading.prompts.join("\n\n"),
    tools: [...loading.tools.values()].map(({ tool }) => tool),
    problems: loading.problems,
  };
}
