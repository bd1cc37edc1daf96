/** Tools: how they are described, called and answered, from the extension's file to every client. */
import { z } from "zod";
import { ContentBlock } from "./content.ts";
import { ThingName, ToolName } from "./names.ts";

/** A JSON Schema (2020-12) of an object, as MCP and model APIs want it. */
export const InputSchema = z.looseObject({ type: z.literal("object") });
export type InputSchema = z.infer<typeof InputSchema>;

/** The standard hints of MCP about what a tool does. */
export const ToolAnnotations = z.object({
  title: z.string().optional(),
  readOnlyHint: z.boolean().optional(),
  destructiveHint: z.boolean().optional(),
  idempotentHint: z.boolean().optional(),
  openWorldHint: z.boolean().optional(),
});
export type ToolAnnotations = z.infer<typeof ToolAnnotations>;

/** The documented example of a tool (specification 7.2: Example Prompt, Args and Response). */
export const ToolExample = z.object({
  prompt: z.string(),
  args: z.record(z.string(), z.unknown()),
  response: z.unknown(),
});
export type ToolExample = z.infer<typeof ToolExample>;

export const ToolDescription = z.object({
  name: ToolName,
  title: z.string().optional(),
  description: z.string(),
  input_schema: InputSchema,
  /** Of the object that the tool answers with. */
  output_schema: InputSchema.optional(),
  annotations: ToolAnnotations.optional(),
  example: ToolExample.optional(),
  /** How long a call may take, in milliseconds; the host's default otherwise. */
  timeout_ms: z.int().positive().optional(),
});
export type ToolDescription = z.infer<typeof ToolDescription>;

/** Something to read at a fixed address. */
export const ResourceDescription = z.object({
  uri: z.string(),
  name: z.string(),
  title: z.string().optional(),
  description: z.string().optional(),
  mime_type: z.string().optional(),
});
export type ResourceDescription = z.infer<typeof ResourceDescription>;

/** Things to read at addresses of one pattern (RFC 6570). */
export const TemplateDescription = ResourceDescription.omit({ uri: true }).extend({
  uri_template: z.string(),
});
export type TemplateDescription = z.infer<typeof TemplateDescription>;

/** A text for the conversation that a person asks for by name. */
export const PromptDescription = z.object({
  name: ToolName,
  title: z.string().optional(),
  description: z.string().optional(),
  arguments: z.array(
    z.object({ name: z.string(), description: z.string().optional(), required: z.boolean() }),
  ),
});
export type PromptDescription = z.infer<typeof PromptDescription>;

/** `.luna/tools/<extension>.json`: all there is to know of an extension's tools without running it. */
export const ToolsFile = z.object({
  extension: ThingName,
  /** SHA-256 over the extension's tool files: another hash means that this file is stale. */
  content_hash: z.string(),
  system_prompt: z.string(),
  tools: z.array(ToolDescription),
  resources: z.array(ResourceDescription).default([]),
  templates: z.array(TemplateDescription).default([]),
  prompts: z.array(PromptDescription).default([]),
  /** Files or tools that could not be loaded, one sentence each. */
  problems: z.array(z.string()),
});
export type ToolsFile = z.infer<typeof ToolsFile>;

/** What whoever waits for a call can be asked for. */
export const Askable = z.enum(["elicitation", "elicitation_url", "sampling", "roots"]);
export type Askable = z.infer<typeof Askable>;

/** A tool's answer: the `[success, payload]` pair of specification 7.2 in one object, and what MCP has besides. */
export const ToolResult = z.object({
  success: z.boolean(),
  /** For every reader: a text, or any JSON value. */
  payload: z.unknown(),
  /** The same as MCP's content blocks, when the tool answered with such. */
  content: z.array(ContentBlock).optional(),
  /** The same as an object, when it has an output schema or answered with blocks and an object. */
  structured: z.record(z.string(), z.unknown()).optional(),
  /** The call failed because its client cannot be asked for this. */
  needs: Askable.optional(),
});
export type ToolResult = z.infer<typeof ToolResult>;

/** `GET /tools/all`: a tool as the Hub lists it. */
export const ToolView = ToolDescription.extend({
  extension: z.string(),
  /** Its name in its extension, when another extension's tool has that one. */
  own_name: z.string().optional(),
});
export type ToolView = z.infer<typeof ToolView>;

/** `POST /tools/execute/:tool`. */
export const ExecuteAnswer = z.object({
  success: z.boolean(),
  result: z.unknown(),
  duration_ms: z.number(),
});
export type ExecuteAnswer = z.infer<typeof ExecuteAnswer>;
