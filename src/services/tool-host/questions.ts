/** The questions that a tool can ask its client, in MCP's words, and how their answers are read. */
import { z } from "zod";
import type { Question } from "../../contract/tool-call.ts";
import type {
  ElicitAnswer,
  ElicitRequest,
  ElicitUrlRequest,
  Root,
  SampleAnswer,
  SampleRequest,
} from "../../extensions/context.ts";
import { isJsonSchema, type JsonSchema, schemaCheck } from "../../extensions/json-schema.ts";

export interface Asking<Answer> {
  question: Question;
  /** Undefined: the answer does not fit. */
  read(answer: unknown): { value: Answer } | undefined;
}

const Elicited = z.looseObject({
  action: z.enum(["accept", "decline", "cancel"]),
  content: z.unknown().optional(),
});

type Form = z.ZodObject | JsonSchema;

/** The content as the form wants it, or undefined. */
async function formReader(schema: Form): Promise<Asking<unknown>["read"]> {
  if (isJsonSchema(schema)) {
    const check = await schemaCheck(schema);
    return (content) => (check(content) === undefined ? { value: content } : undefined);
  }
  return (content) => {
    const parsed = schema.safeParse(content);
    return parsed.success ? { value: parsed.data } : undefined;
  };
}

function formSchema(schema: Form): Record<string, unknown> {
  if (isJsonSchema(schema)) return schema;
  const { $schema: _, ...plain } = z.toJSONSchema(schema, { target: "draft-2020-12", io: "input" });
  return plain;
}

export async function elicitation({
  message,
  schema,
}: ElicitRequest<Form>): Promise<Asking<ElicitAnswer<unknown>>> {
  const readForm = await formReader(schema);
  return {
    question: {
      method: "elicitation/create",
      params: { mode: "form", message, requestedSchema: formSchema(schema) },
    },
    read: (answer) => {
      const { data } = Elicited.safeParse(answer);
      if (data === undefined) return undefined;
      if (data.action !== "accept") return { value: { action: data.action } };
      const form = readForm(data.content ?? {});
      return form && { value: { action: "accept", content: form.value } };
    },
  };
}

export function urlElicitation({
  message,
  url,
}: ElicitUrlRequest): Asking<ElicitAnswer<undefined>> {
  return {
    question: {
      method: "elicitation/create",
      params: { mode: "url", message, url, elicitationId: crypto.randomUUID() },
    },
    read: (answer) => {
      const { data } = Elicited.safeParse(answer);
      return data && { value: { action: data.action, content: undefined } };
    },
  };
}

const Sampled = z.looseObject({
  role: z.enum(["user", "assistant"]),
  content: z.unknown(),
  model: z.string(),
  stopReason: z.string().optional(),
});
const TextBlock = z.looseObject({ type: z.literal("text"), text: z.string() });

function textIn(content: unknown): string {
  const blocks = Array.isArray(content) ? content : [content];
  return blocks.map((block) => TextBlock.safeParse(block).data?.text ?? "").join("");
}

export function sampling(request: SampleRequest): Asking<SampleAnswer> {
  const { prompt, messages, max_tokens, system_prompt, temperature, stop_sequences } = request;
  const asked =
    prompt === undefined ? messages : [{ role: "user", content: { type: "text", text: prompt } }];
  const params: Record<string, unknown> = { messages: asked ?? [], maxTokens: max_tokens };
  if (system_prompt !== undefined) params["systemPrompt"] = system_prompt;
  if (temperature !== undefined) params["temperature"] = temperature;
  if (stop_sequences !== undefined) params["stopSequences"] = stop_sequences;
  return {
    question: { method: "sampling/createMessage", params },
    read: (answer) => {
      const { data } = Sampled.safeParse(answer);
      if (data === undefined) return undefined;
      const { role, content, model, stopReason } = data;
      const told = stopReason === undefined ? {} : { stop_reason: stopReason };
      return { value: { role, text: textIn(content), content, model, ...told } };
    },
  };
}

const Roots = z.looseObject({
  roots: z.array(z.object({ uri: z.string(), name: z.string().optional() })),
});

export function roots(): Asking<readonly Root[]> {
  return {
    question: { method: "roots/list", params: {} },
    read: (answer) => {
      const { data } = Roots.safeParse(answer);
      if (data === undefined) return undefined;
      return {
        value: data.roots.map(({ uri, name }) => (name === undefined ? { uri } : { uri, name })),
      };
    },
  };
}
