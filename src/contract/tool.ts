/** Tools: how they are described, called and answered, from the extension's file to every client. */
import { z } from "zod";
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
  description: z.string(),
  input_schema: InputSchema,
  annotations: ToolAnnotations.optional(),
  example: ToolExample.optional(),
  /** How long a call may take, in milliseconds; the host's default otherwise. */
  timeout_ms: z.int().positive().optional(),
});
export type ToolDescription = z.infer<typeof ToolDescription>;

/** `.luna/tools/<extension>.json`: all there is to know of an extension's tools without running it. */
export const ToolsFile = z.object({
  extension: ThingName,
  /** SHA-256 over the extension's tool files: another hash means that this file is stale. */
  content_hash: z.string(),
  system_prompt: z.string(),
  tools: z.array(ToolDescription),
  /** Files or tools that could not be loaded, one sentence each. */
  problems: z.array(z.string()),
});
export type ToolsFile = z.infer<typeof ToolsFile>;

/** `POST /call` on a tool host's socket. */
export const ToolCall = z.strictObject({
  tool: z.string(),
  arguments: z.record(z.string(), z.unknown()),
});
export type ToolCall = z.infer<typeof ToolCall>;

/** A tool's answer: the `[success, payload]` pair of specification 7.2 in one object. */
export const ToolResult = z.object({ success: z.boolean(), payload: z.unknown() });
export type ToolResult = z.infer<typeof ToolResult>;

/** `GET /tools/all`: a tool as the Hub lists it. */
export const ToolView = ToolDescription.extend({ extension: z.string() });
export type ToolView = z.infer<typeof ToolView>;

/** `POST /tools/execute/:tool`. */
export const ExecuteAnswer = z.object({
  success: z.boolean(),
  result: z.unknown(),
  duration_ms: z.number(),
});
export type ExecuteAnswer = z.infer<typeof ExecuteAnswer>;
