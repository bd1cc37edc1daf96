/** The module "luna" that extensions import: how tools, resources and prompts are defined, and what they are given. */
import { z } from "zod";
import type { PromptMessage } from "../contract/content.ts";
import type { ToolAnnotations, ToolExample } from "../contract/tool.ts";
import { audio, content, type Embedded, embedded, image, link, text } from "./answer.ts";
import type { ToolContext } from "./context.ts";
import type { JsonSchema } from "./json-schema.ts";

export type { ToolAnnotations, ToolContext, ToolExample };
export { audio, content, embedded, image, link, text, z };

/** The arguments that a schema lets through. */
type ArgumentsOf<Input> = Input extends z.ZodObject ? z.output<Input> : Record<string, unknown>;

export interface ToolDefinition<Input extends z.ZodObject | JsonSchema = z.ZodObject | JsonSchema> {
  /** `DOMAIN_GET_…`, `DOMAIN_UPDATE_…` or `DOMAIN_ACTION_…`; unique among all extensions. */
  readonly name: string;
  /** The name for people. */
  readonly title?: string;
  /** For the model: what it does, when to use it, what it answers. */
  readonly description: string;
  /** `z.object({…})`, or a JSON Schema that goes to clients as it is written. */
  readonly input: Input;
  /** Of the object that the tool answers with. */
  readonly output?: z.ZodObject | JsonSchema;
  readonly example?: ToolExample;
  readonly annotations?: ToolAnnotations;
  /** How long one call may take, in milliseconds; the host's default otherwise. */
  readonly timeout_ms?: number;
  /**
   * Answers one call. `[success, payload]`, a string, `content([…])` or any JSON value; what it throws is a failure.
   * A string is handed on as it is, even when its text is JSON.
   */
  run(args: ArgumentsOf<Input>, context: ToolContext): unknown;
}

/** Gives `run` the types of its arguments; Luna checks the definition when it loads the file. */
export function defineTool<Input extends z.ZodObject | JsonSchema>(
  definition: ToolDefinition<Input>,
): ToolDefinition<Input> {
  return definition;
}

/** A text, bytes, or one or more resources with addresses of their own; undefined when there is none. */
export type Contents = string | Uint8Array | Embedded | readonly Embedded[] | undefined | null;

interface Described {
  /** For programs; unique among the resources of an extension. */
  readonly name: string;
  readonly title?: string;
  readonly description?: string;
  readonly mime_type?: string;
}

export interface ResourceDefinition extends Described {
  /** Unique among all extensions. */
  readonly uri: string;
  read(context: ToolContext): Contents | Promise<Contents>;
}

export function defineResource(definition: ResourceDefinition): ResourceDefinition {
  return definition;
}

/** Suggests values for what a person has begun to write. */
export type Complete = (
  value: string,
  others: Readonly<Record<string, string>>,
) => readonly string[] | Promise<readonly string[]>;

export interface TemplateDefinition extends Described {
  /** RFC 6570, such as `notes://note/{id}`. */
  readonly uri_template: string;
  readonly complete?: Readonly<Record<string, Complete>>;
  /** `variables` are the parts of `uri` that the pattern leaves open. */
  read(
    variables: Readonly<Record<string, string>>,
    context: ToolContext,
    uri: string,
  ): Contents | Promise<Contents>;
}

export function defineResourceTemplate(definition: TemplateDefinition): TemplateDefinition {
  return definition;
}

export type Messages = string | readonly PromptMessage[];

export interface PromptDefinition<Input extends z.ZodObject = z.ZodObject> {
  /** Unique among all extensions. */
  readonly name: string;
  readonly title?: string;
  readonly description?: string;
  /** Texts; a field that is not optional must be given. */
  readonly input?: Input;
  readonly complete?: Readonly<Record<string, Complete>>;
  /** A text of the user's, or messages. */
  run(args: z.output<Input>, context: ToolContext): Messages | Promise<Messages>;
}

export function definePrompt<Input extends z.ZodObject>(
  definition: PromptDefinition<Input>,
): PromptDefinition<Input> {
  return definition;
}
