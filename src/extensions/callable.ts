/** What a tool host can call: a tool, a resource or a prompt of its extension, each the same way. */
import { z } from "zod";
import { ContentBlock, PromptMessage, ResourceContents } from "../contract/content.ts";
import type { CallKind } from "../contract/tool-call.ts";
import { explain } from "../lib/explain.ts";
import { contentsOf, type Embedded } from "./answer.ts";
import type { ToolContext } from "./context.ts";
import { isJsonSchema, type JsonSchema, schemaCheck } from "./json-schema.ts";
import type { Complete, Contents, Messages } from "./sdk.ts";

type Arguments = Record<string, unknown>;
type Checked<Value> = { value: Value } | { wrong: string };

export interface Callable {
  kind: CallKind;
  /** A tool's or prompt's name, a resource's URI, a template's pattern. */
  name: string;
  timeout_ms: number | undefined;
  /** The arguments as `run` wants them, or what is wrong with them. */
  check(given: Arguments): Promise<Checked<Arguments>>;
  /** What is wrong with the object that it answered with. */
  checkOutput: ((value: unknown) => Promise<string | undefined>) | undefined;
  run(args: Arguments, context: ToolContext): unknown;
  complete: Readonly<Record<string, Complete>>;
}

/** A check of arguments by either kind of schema. */
export async function argumentsCheck(schema: z.ZodObject | JsonSchema): Promise<Callable["check"]> {
  if (isJsonSchema(schema)) {
    const check = await schemaCheck(schema);
    return async (given) => {
      const wrong = check(given);
      return wrong === undefined ? { value: given } : { wrong };
    };
  }
  // Every call goes through here: one promise, no more.
  return (given) =>
    schema
      .safeParseAsync(given)
      .then(({ success, data, error }) => (success ? { value: data } : { wrong: explain(error) }));
}

/** A check of what a tool answers with; it changes nothing in it. */
export async function outputCheck(
  schema: z.ZodObject | JsonSchema | undefined,
): Promise<Callable["checkOutput"]> {
  if (schema === undefined) return undefined;
  if (isJsonSchema(schema)) {
    const check = await schemaCheck(schema);
    return async (value) => check(value);
  }
  return async (value) => {
    const parsed = await schema.safeParseAsync(value);
    return parsed.success ? undefined : explain(parsed.error);
  };
}

/** The result of `resources/read`; null when there is nothing at the address. */
export function resourceResult(
  contents: Contents,
  { uri, mime_type }: { uri: string; mime_type: string | undefined },
): unknown {
  if (contents === undefined || contents === null) return null;
  const told = { uri, ...(mime_type === undefined ? {} : { mime_type }) };
  const list: readonly Embedded[] =
    typeof contents === "string"
      ? [{ ...told, text: contents }]
      : contents instanceof Uint8Array
        ? [{ ...told, bytes: contents }]
        : "uri" in contents
          ? [contents]
          : contents;
  return { contents: z.array(ResourceContents).parse(list.map(contentsOf)) };
}

/** The messages of `prompts/get`. */
export function promptResult(messages: Messages): unknown {
  const list =
    typeof messages === "string"
      ? [{ role: "user", content: ContentBlock.parse({ type: "text", text: messages }) }]
      : messages;
  return { messages: z.array(PromptMessage).parse(list) };
}
