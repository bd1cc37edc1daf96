/** What a tool costs a model before it is ever called, and how it is called, in one line. */
import { estimateTokenCount } from "tokenx";
import { z } from "zod";
import type { InputSchema, ToolDescription } from "../../contract/tool.ts";

/** How the figure is made, for people. */
export const COST_NOTE =
  "tokens are an estimate of what a model reads of a tool (name, description, schema as JSON), within a tenth of OpenAI's o200k; other models count otherwise";

/** Of what MCP clients hand to the model. */
export function tokensOf({ name, description, input_schema }: ToolDescription): number {
  return estimateTokenCount(JSON.stringify({ name, description, input_schema }));
}

export function tokensOfText(text: string): number {
  return estimateTokenCount(text);
}

const Schema = z.looseObject({
  type: z.union([z.string(), z.array(z.string())]).optional(),
  enum: z.array(z.unknown()).optional(),
  const: z.unknown().optional(),
  default: z.unknown().optional(),
  items: z.unknown().optional(),
  anyOf: z.array(z.unknown()).optional(),
});

function typeOf(given: unknown): string {
  const { data } = Schema.safeParse(given);
  if (data === undefined) return "any";
  if (data.const !== undefined) return JSON.stringify(data.const);
  if (data.enum !== undefined) return data.enum.map((one) => JSON.stringify(one)).join(" | ");
  if (data.anyOf !== undefined) return data.anyOf.map(typeOf).join(" | ");
  if (data.type === "array" && data.items !== undefined) return `${typeOf(data.items)}[]`;
  return Array.isArray(data.type) ? data.type.join(" | ") : (data.type ?? "any");
}

/** `limit?: integer = 20, query: string` */
export function signatureOf(schema: InputSchema): string {
  const fields = z.record(z.string(), z.unknown()).safeParse(schema["properties"]).data ?? {};
  const required = new Set(z.array(z.string()).safeParse(schema["required"]).data);
  return Object.entries(fields)
    .map(([name, field]) => {
      const fallback = Schema.safeParse(field).data?.default;
      const value = fallback === undefined ? "" : ` = ${JSON.stringify(fallback)}`;
      return `${name}${required.has(name) ? "" : "?"}: ${typeOf(field)}${value}`;
    })
    .join(", ");
}
