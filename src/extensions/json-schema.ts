/** Values checked against JSON Schema as it was written, for tools that bring one in place of a zod schema. */
import { z } from "zod";

/** A JSON Schema (2020-12) of an object. */
export interface JsonSchema {
  type: "object";
  [keyword: string]: unknown;
}

/** Says what is wrong, or undefined when nothing is. */
export type SchemaCheck = (value: unknown) => string | undefined;

export const isJsonSchema = (value: unknown): value is JsonSchema =>
  z.looseObject({ type: z.literal("object") }).safeParse(value).success &&
  !(value instanceof z.ZodType);

/**
 * Loads the compiler of schemas only when one is used.
 * @throws when the schema is none
 */
export async function schemaCheck(schema: JsonSchema): Promise<SchemaCheck> {
  const { Ajv2020 } = await import("ajv/dist/2020.js");
  // Formats are notes, as the 2020-12 dialect has it; keywords that are not its own are kept, not checked.
  const ajv = new Ajv2020({ strict: false, validateFormats: false, allErrors: true });
  const check = ajv.compile(schema);
  return (value) => (check(value) ? undefined : ajv.errorsText(check.errors, { dataVar: "value" }));
}
