/** What a schema found wrong, as one sentence for people. */
import type { z } from "zod";

/** `port: must be ...; rules[2].name: must be ...`, the fields in the order of the schema. */
export function explain(error: z.ZodError): string {
  return error.issues
    .map(({ path, message }) => {
      const field = fieldName(path);
      return field === "" ? message : `${field}: ${message}`;
    })
    .join("; ");
}

/** `rules[2].name`; "" for the whole. */
export function fieldName(path: readonly PropertyKey[]): string {
  return path.reduce<string>((before, key) => {
    if (typeof key === "number") return `${before}[${key}]`;
    return before === "" ? String(key) : `${before}.${String(key)}`;
  }, "");
}
