/** One definition of a tool file, checked: what everybody is told of it, and how it is called. */
import { z } from "zod";
import { ToolName } from "../contract/names.ts";
import {
  InputSchema,
  PromptDescription,
  ResourceDescription,
  TemplateDescription,
  ToolAnnotations,
  ToolDescription,
  ToolExample,
} from "../contract/tool.ts";
import { explain } from "../lib/explain.ts";
import {
  argumentsCheck,
  type Callable,
  outputCheck,
  promptResult,
  resourceResult,
} from "./callable.ts";
import type { ForeignTool } from "./foreign-files.ts";
import { isJsonSchema, type JsonSchema } from "./json-schema.ts";
import { definitionOfFunction, readDocstring } from "./plain-function.ts";
import type {
  Complete,
  PromptDefinition,
  ResourceDefinition,
  TemplateDefinition,
  ToolDefinition,
} from "./sdk.ts";

const DESCRIPTION_LENGTH_MAX = 16_384;
const URI_LENGTH_MAX = 2_048;
const TIMEOUT_MAX_MS = 3_600_000;
/** Literals and expressions of RFC 6570. */
const URI_TEMPLATE = /^(?:[^{}\s]|\{[+#./;?&]?[A-Za-z0-9_]+(?:\*|:\d+)?(?:,[A-Za-z0-9_]+)*\})+$/;

type AnyFunction = (...given: never[]) => unknown;
export const isFunction = (value: unknown): value is AnyFunction => typeof value === "function";

function functionOf<Type>() {
  return z.custom<Type>(isFunction, "must be a function");
}

const Schema = z.custom<z.ZodObject | JsonSchema>(
  (value) => value instanceof z.ZodObject || isJsonSchema(value),
  'must be a z.object({…}) or a JSON Schema with "type": "object"',
);
const Description = z.string().trim().min(1).max(DESCRIPTION_LENGTH_MAX);
const Completions = z.record(z.string(), functionOf<Complete>()).default({});
const Uri = z.url("must be an absolute URI").max(URI_LENGTH_MAX);

const Tool = z.object({
  name: ToolName,
  title: z.string().optional(),
  description: Description,
  input: Schema,
  output: Schema.optional(),
  example: ToolExample.optional(),
  annotations: ToolAnnotations.optional(),
  timeout_ms: z.int().positive().max(TIMEOUT_MAX_MS).optional(),
  run: functionOf<ToolDefinition["run"]>(),
});

const Described = z.object({
  name: z.string().min(1),
  title: z.string().optional(),
  description: Description.optional(),
  mime_type: z.string().optional(),
});
const Resource = Described.extend({ uri: Uri, read: functionOf<ResourceDefinition["read"]>() });
const Template = Described.extend({
  uri_template: z.string().max(URI_LENGTH_MAX).regex(URI_TEMPLATE, "must be a URI template"),
  complete: Completions,
  read: functionOf<TemplateDefinition["read"]>(),
});
const Prompt = z.object({
  name: ToolName,
  title: z.string().optional(),
  description: Description.optional(),
  input: z
    .custom<z.ZodObject>((value) => value instanceof z.ZodObject, "must be a z.object({…})")
    .optional(),
  complete: Completions,
  run: functionOf<PromptDefinition["run"]>(),
});

/** What is told of a definition, and how it is called. */
export interface Loaded<Told> {
  description: Told;
  callable: Callable;
}

function parsedBy<Definition extends z.ZodType>(schema: Definition, entry: unknown) {
  const parsed = schema.safeParse(entry);
  if (!parsed.success) throw new Error(explain(parsed.error), { cause: parsed.error });
  return parsed.data;
}

/** Through JSON, as everybody else will read it: what JSON cannot say is found here. */
function describedBy<Told extends z.ZodType>(schema: Told, told: unknown): z.output<Told> {
  return schema.parse(JSON.parse(JSON.stringify(told)));
}

/** A zod schema without its own address, which would go to the model with every tool; a JSON Schema as it is. */
function jsonSchemaOf(schema: z.ZodObject | JsonSchema, io: "input" | "output"): InputSchema {
  if (isJsonSchema(schema)) return schema;
  const { $schema: _, ...plain } = z.toJSONSchema(schema, { target: "draft-2020-12", io });
  return InputSchema.parse(plain);
}

export async function loadTool(entry: unknown): Promise<Loaded<ToolDescription>> {
  const definition = isFunction(entry) ? definitionOfFunction(entry) : entry;
  const { input, output, run, ...told } = parsedBy(Tool, definition);
  const description = describedBy(ToolDescription, {
    ...told,
    input_schema: jsonSchemaOf(input, "input"),
    ...(output === undefined ? {} : { output_schema: jsonSchemaOf(output, "output") }),
  });
  const callable: Callable = {
    kind: "tool",
    name: told.name,
    timeout_ms: told.timeout_ms,
    check: await argumentsCheck(input),
    checkOutput: await outputCheck(output),
    run,
    complete: {},
  };
  return { description, callable };
}

/** A tool of another language's file: whoever runs it checks its arguments, too. */
export function loadForeignTool(
  { doc, ...told }: ForeignTool,
  run: Callable["run"],
): Loaded<ToolDescription> {
  const { description, example } = readDocstring(doc === "" ? told.name : doc);
  const checked = parsedBy(
    Tool.omit({ run: true, input: true }).extend({ input_schema: InputSchema }),
    { ...told, description, example },
  );
  return {
    description: describedBy(ToolDescription, checked),
    callable: {
      ...plain({ kind: "tool", name: checked.name, run }),
      timeout_ms: checked.timeout_ms,
    },
  };
}

/** A tool of another MCP server, which checks its arguments itself; what it is passes through unchanged. */
export function loadUpstreamTool(
  told: ToolDescription,
  run: Callable["run"],
): Loaded<ToolDescription> {
  const description = describedBy(ToolDescription, told);
  const { name, timeout_ms } = description;
  return { description, callable: { ...plain({ kind: "tool", name, run }), timeout_ms } };
}

/** What has no arguments that anybody could get wrong. */
function plain(
  told: Pick<Callable, "kind" | "name" | "run"> & Partial<Pick<Callable, "complete" | "check">>,
): Callable {
  return {
    timeout_ms: undefined,
    check: async (value) => ({ value }),
    checkOutput: undefined,
    complete: {},
    ...told,
  };
}

export function loadResource(entry: unknown): Loaded<ResourceDescription> {
  const { read, ...told } = parsedBy(Resource, entry);
  const description = describedBy(ResourceDescription, told);
  const { uri, mime_type } = told;
  const run: Callable["run"] = async (_, context) =>
    resourceResult(await read(context), { uri, mime_type });
  return { description, callable: plain({ kind: "resource", name: uri, run }) };
}

const TemplateArguments = z.object({
  uri: z.string(),
  variables: z.record(z.string(), z.string()),
});

export function loadTemplate(entry: unknown): Loaded<TemplateDescription> {
  const { read, complete, ...told } = parsedBy(Template, entry);
  const description = describedBy(TemplateDescription, told);
  const { mime_type } = told;
  const run: Callable["run"] = async (given, context) => {
    const { uri, variables } = TemplateArguments.parse(given);
    return resourceResult(await read(variables, context, uri), { uri, mime_type });
  };
  return {
    description,
    callable: plain({ kind: "template", name: told.uri_template, run, complete }),
  };
}

const Field = z.looseObject({ description: z.string().optional() });

/** The arguments as `prompts/list` has them. */
function promptArguments(input: z.ZodObject): PromptDescription["arguments"] {
  const schema = jsonSchemaOf(input, "input");
  const required = z.array(z.string()).safeParse(schema["required"]).data ?? [];
  const fields = z.record(z.string(), Field).safeParse(schema["properties"]).data ?? {};
  return Object.entries(fields).map(([name, { description }]) => ({
    name,
    ...(description === undefined ? {} : { description }),
    required: required.includes(name),
  }));
}

export async function loadPrompt(entry: unknown): Promise<Loaded<PromptDescription>> {
  const { run, complete, input = z.object({}), ...told } = parsedBy(Prompt, entry);
  const description = describedBy(PromptDescription, {
    ...told,
    arguments: promptArguments(input),
  });
  const callable = plain({
    kind: "prompt",
    name: told.name,
    check: await argumentsCheck(input),
    run: async (args, context) => promptResult(await run(args, context)),
    complete,
  });
  return { description, callable };
}
