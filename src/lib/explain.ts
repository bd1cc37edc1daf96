/** What a schema found wrong, as one sentence for people. */
import type { z } from "zod";

/** More would be read by nobody. */
const FAULTS_TOLD_MAX = 8;

/** `port: must be ...; rules[2].name: must be ...`, the fields in the order of the schema. */
export function explain(error: z.ZodError): string {
  const faults = error.issues.slice(0, FAULTS_TOLD_MAX).map(({ path, message }) => {
    const field = fieldName(path);
    return field === "" ? message : `${field}: ${message}`;
  });
  const more = error.issues.length - faults.length;
  return [...faults, ...(more > 0 ? [`and ${more} more`] : [])].join("; ");
}

/** `rules[2].name`; "" for the whole. */
export function fieldName(path: readonly PropertyKey[]): string {
  return path.reduce<string>((before, key) => {
    if (typeof key === "number") return `${before}[${key}]`;
    return before === "" ? String(key) : `${before}.${String(key)}`;
  }, "");
}
