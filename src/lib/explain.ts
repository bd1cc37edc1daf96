/** What a schema found wrong, as one sentence for people. */
import type { z } from "zod";

/** `port: must be ...; rules[2].name: must be ...`, the fields in the order of the schema. */
export function explain(error: z.ZodError): string {
  return error.issues.map(({ path, message }) => `${fieldOf(path)}${message}`).join("; ");
}

function fieldOf(path: readonly PropertyKey[]): string {
  const text = path.reduce<string>((before, key) => {
    if (typeof key === "number") return `${before}[${key}]`;
    return before === "" ? String(key) : `${before}.${String(key)}`;
  }, "");
  return text === "" ? "" : `${text}: `;
}
